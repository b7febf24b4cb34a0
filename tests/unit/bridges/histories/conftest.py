"""What takes 100 MB is run when it is asked for: pytest -m slow tests/unit/bridges."""


def pytest_collection_modifyitems(config, items):
    if "slow" not in config.option.markexpr:
        slow = [
            item
            for item in items
            if item.get_closest_marker("slow") and "unit/bridges" in item.nodeid
        ]
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if item not in slow]

"""The errors Discord answers with: a status, a code, and words."""


class Refused(Exception):
    def __init__(self, status: int, code: int, message: str, errors: dict | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"message": message, "code": code} | ({"errors": errors} if errors else {})


def unknown(code: int, what: str) -> Refused:
    return Refused(404, code, f"Unknown {what}")


def invalid(field: str, code: str, message: str) -> Refused:
    """An invalid form body: the one field that is wrong, a path of names with dots."""
    errors: dict = {"_errors": [{"code": code, "message": message}]}
    for name in reversed(field.split(".")):
        errors = {name: errors}
    return Refused(400, 50035, "Invalid Form Body", errors)

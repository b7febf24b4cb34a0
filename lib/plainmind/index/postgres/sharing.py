"""Who else may read a home's schema: other roles of the database, each let by its owner."""

from ...ground.errors import NoInput, Usage
from .connection import ServerConnection


def quote(name: str) -> str:
    """As a name in a statement."""
    return '"' + name.replace('"', '""') + '"'


def list_readers(db: ServerConnection, schema: str) -> list[str]:
    """The roles that may read; 'public' is everybody."""
    rows = db.execute(
        "SELECT coalesce(nullif(pg_get_userbyid(grantee)::text, 'unknown (OID=0)'), 'public') "
        "FROM pg_namespace, aclexplode(nspacl) "
        "WHERE nspname = ? AND privilege_type = 'USAGE' AND grantee <> nspowner ORDER BY 1",
        (schema,),
    )
    return [role for (role,) in rows]


def share(db: ServerConnection, schema: str, role: str) -> None:
    """Let a role read all tables that there are; NoInput when there is no role of that name."""
    _check(db, schema, role)
    db.execute(f"GRANT USAGE ON SCHEMA {quote(schema)} TO {_grantee(role)}")
    db.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {quote(schema)} TO {_grantee(role)}")


def unshare(db: ServerConnection, schema: str, role: str) -> None:
    _check(db, schema, role)
    db.execute(f"REVOKE ALL ON ALL TABLES IN SCHEMA {quote(schema)} FROM {_grantee(role)}")
    db.execute(f"REVOKE ALL ON SCHEMA {quote(schema)} FROM {_grantee(role)}")


def _grantee(role: str) -> str:
    return "PUBLIC" if role == "public" else quote(role)


def _check(db: ServerConnection, schema: str, role: str) -> None:
    if role == schema:
        raise Usage(f"'{role}' is the memory folder's own role")
    there = db.execute("SELECT 1 FROM pg_roles WHERE rolname = ?", (role,)).fetchone()
    if not there and role not in list_readers(db, schema):
        cure = "see 'SELECT rolname FROM pg_roles'"
        raise NoInput(f"no role '{role}' in the database", place=str(db.address), cure=cure)

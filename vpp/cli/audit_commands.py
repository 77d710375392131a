"""`vpp audit …`: does the log of who changed what fit together?"""

from typing import Annotated

import typer

from vpp.cli.app import AsJson, print_json

audit = typer.Typer(help="The audit log: verify.", no_args_is_help=True)


@audit.callback()
def _group() -> None:
    """A group, though it has one command yet."""


@audit.command()
def verify(
    head: Annotated[
        str | None, typer.Option(help="A head noted earlier, NUMBER:HASH: nothing before it was cut off or rewritten.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compute the chain of hashes again; exit code 1 names the first entry that was changed or is missing."""
    from vpp.cli.stores import opened_store
    from vpp.store import AuditHead, StoreError

    with opened_store() as store:
        noted = None
        if head is not None:
            number, _, digest = head.partition(":")
            if not (number.isdecimal() and len(digest) == 64):
                raise StoreError(f"--head '{head}'; allowed: NUMBER:HASH, as `vpp audit verify` printed it")
            noted = AuditHead(int(number), digest)
        check = store.verify_audit(noted)
    if as_json:
        print_json(
            {"intact": check.intact, "broken_at": check.broken_at, "head": f"{check.head.seq}:{check.head.hash}"}
        )
    else:
        print(check.sentence)
        print(f"head {check.head.seq}:{check.head.hash}")
    if not check.intact:
        raise typer.Exit(1)

"""OneDrive and SharePoint: the files of people, teams and private and shared channels.

    Graph ── places.py ──> Library ─ Drive ─ Item ── shown.py ──> driveItem
                 │            └── Spool ── Blob     bytes, on disk when large
    drives.py, content.py, sharing.py, sites.py     operations
    uploads.py ── uploadUrl ──> transfer.py <── downloadUrl       bytes in pieces, without a token

`Library` hangs on the tenant as `files`; its temporary folder is deleted with the tenant.
"""

# Documents that administrators upload to a collection.
documents_title = Uploaded documents
documents_add = Upload documents
documents_files = Files
documents_folder = Folder
documents_folder_hint = Optional, such as hr/2026. A file with the same path is replaced.
documents_upload = Upload
documents_summary = { $count } documents, { $bytes } bytes
documents_path = Path
documents_bytes = Bytes
documents_changed = Changed
documents_none = No document has been uploaded yet.
documents_remove = Remove
documents_remove_of = Remove { $path }
documents_removed = { $path } was removed.
documents_stored =
    { $count ->
        [one] { $count } document was stored. It is found once it is indexed.
       *[other] { $count } documents were stored. They are found once they are indexed.
    }
documents_not_stored = { $name } was not stored: { $reason }
documents_next = Next page
documents_limits = At most { $bytes } bytes at once.
documents_choose = Choose at least one file.

# Dokumente, die Administratoren zu einer Sammlung hochladen.
documents_title = Hochgeladene Dokumente
documents_add = Dokumente hochladen
documents_files = Dateien
documents_folder = Ordner
documents_folder_hint = Optional, zum Beispiel hr/2026. Eine Datei mit demselben Pfad wird ersetzt.
documents_upload = Hochladen
documents_summary = { $count } Dokumente, { $bytes } Byte
documents_path = Pfad
documents_bytes = Byte
documents_changed = Geändert
documents_none = Es wurde noch kein Dokument hochgeladen.
documents_remove = Entfernen
documents_remove_of = { $path } entfernen
documents_removed = { $path } wurde entfernt.
documents_stored =
    { $count ->
        [one] { $count } Dokument wurde gespeichert. Es ist auffindbar, sobald es indiziert ist.
       *[other] { $count } Dokumente wurden gespeichert. Sie sind auffindbar, sobald sie indiziert sind.
    }
documents_not_stored = { $name } wurde nicht gespeichert: { $reason }
documents_next = Nächste Seite
documents_limits = Höchstens { $bytes } Byte auf einmal.
documents_choose = Wählen Sie mindestens eine Datei.

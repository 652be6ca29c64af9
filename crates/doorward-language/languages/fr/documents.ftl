# Documents que les administrateurs téléversent dans une collection.
documents_title = Documents téléversés
documents_add = Téléverser des documents
documents_files = Fichiers
documents_folder = Dossier
documents_folder_hint = Facultatif, par exemple hr/2026. Un fichier de même chemin est remplacé.
documents_upload = Téléverser
documents_summary = { $count } documents, { $bytes } octets
documents_path = Chemin
documents_bytes = Octets
documents_changed = Modifié
documents_none = Aucun document n’a encore été téléversé.
documents_remove = Supprimer
documents_remove_of = Supprimer { $path }
documents_removed = { $path } a été supprimé.
documents_stored =
    { $count ->
        [one] { $count } document a été enregistré. Il sera trouvé une fois indexé.
       *[other] { $count } documents ont été enregistrés. Ils seront trouvés une fois indexés.
    }
documents_not_stored = { $name } n’a pas été enregistré : { $reason }
documents_next = Page suivante
documents_limits = Au plus { $bytes } octets à la fois.
documents_choose = Choisissez au moins un fichier.

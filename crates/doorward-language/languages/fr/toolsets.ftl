# Ensembles d’outils : la liste, la page d’un ensemble, et la liste de la page qui explique comment connecter un client.
toolsets_title = Ensembles d’outils
toolsets_add = Ajouter un ensemble d’outils
toolsets_explained = Un ensemble d’outils est une sélection d’outils de plusieurs services, à une URL qui lui est propre. Un client connecté à cette URL ne voit et n’utilise rien d’autre. Les rôles et les règles s’appliquent comme partout.
toolsets_none = Il n’existe pas encore d’ensemble d’outils.
toolsets_search = Nom ou objet
toolsets_display_name = Nom affiché
toolsets_name_hint = Lettres minuscules, chiffres et -. Le nom fait partie de l’URL et ne change jamais.
toolsets_purpose = Objet
toolsets_purpose_hint = Les utilisateurs le lisent lorsqu’ils connectent un client, et les clients le transmettent à leurs modèles.
toolsets_selection = Sélection
toolsets_selection_hint = Une ligne par élément, avec des conditions comme dans les règles : <code>upstream=wiki tool=search_*</code>, <code>upstream=tickets class=read</code>, <code>upstream=files kind=resource</code>. Chaque ligne nomme un serveur amont.
toolsets_roles = Rôles qui peuvent l’utiliser (aucun : tous les utilisateurs)
toolsets_roles_hint = Séparés par des espaces. Un groupe s’écrit <code>group:NOM</code>.
toolsets_url = URL pour les clients
toolsets_url_hint = Un jeton pour cette URL n’est accepté à aucune autre.
toolsets_lines = Lignes de la sélection
toolsets_line = Ligne
toolsets_selects = Sélectionne actuellement
toolsets_line_tools =
    { $count ->
        [0] aucun outil
        [one] { $count } outil
       *[other] { $count } outils
    }
toolsets_line_unknown = prompts ou ressources
toolsets_tools = Outils sélectionnés
toolsets_no_tools = Aucun outil ne correspond actuellement à la sélection.
toolsets_saved = L’ensemble d’outils a été modifié.
toolsets_delete_question =
    { $count ->
        [one] Supprimer cet ensemble d’outils ?
       *[other] Supprimer { $count } ensembles d’outils ?
    }
toolsets_delete_effect = Les clients connectés perdent aussitôt leur accès, même si un ensemble du même nom est ajouté plus tard.
toolsets_were_deleted =
    { $count ->
        [one] { $count } ensemble d’outils a été supprimé.
       *[other] { $count } ensembles d’outils ont été supprimés.
    }
toolsets_connect = Un client pour un usage précis
toolsets_connect_explained = Chacune de ces URL propose une sélection des outils.
toolsets_connect_here = Étapes pour cette URL
toolsets_connect_all = Tous les outils

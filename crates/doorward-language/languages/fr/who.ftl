# Les utilisateurs qui peuvent utiliser un élément, ou qui ont un rôle.
who_title = Qui a accès ?
who_explained = Choisissez un type et nommez l’outil, le serveur amont ou le rôle : la liste montre les utilisateurs qui y ont accès, avec la règle et les rôles déterminants.
who_none = Aucun utilisateur n’a accès.
who_kind = Type
who_item = Nom
who_tool = Outil
who_upstream = Serveur amont
who_prompt = Prompt
who_resource = Ressource
who_template = Modèle de ressource
who_answer = Réponse
who_reason = Raison
who_roles = Rôles que les règles mentionnent

# Les outils qu’un utilisateur peut utiliser.
who_tools_title = Que peut faire un utilisateur ?
who_tools_user = Utilisateur
who_tools_client = Client
who_tools_upstream = Serveur amont
who_tools_search = Rechercher des outils
who_tools_none = Aucun outil ne correspond.
who_tools_none_yet = Aucun des outils examinés jusqu’ici ne correspond. Poursuivez la recherche parmi les autres.
who_tools_explained = Saisissez l’ID ou l’identifiant d’un utilisateur : la liste montre chaque outil avec la réponse pour cet utilisateur et la raison.
who_tools_button = Que peut faire { $user } ?
who_tools_about = Chaque outil de chaque service, avec la réponse pour { $user } et la raison.
who_tools_built_in = intégré
who_tools_first = Première page
who_tools_show = Afficher les outils

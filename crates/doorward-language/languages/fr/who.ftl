# Les utilisateurs qui peuvent utiliser un élément, ou qui ont un rôle.
who_title = Qui peut ?
who_explained = Choisissez un type et nommez l’outil, le serveur amont ou le rôle : la liste montre les utilisateurs qui peuvent l’utiliser, avec la règle et les rôles qui le décident.
who_none = Aucun utilisateur ne le peut.
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

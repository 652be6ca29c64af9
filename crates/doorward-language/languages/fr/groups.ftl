# Groupes d’utilisateurs : la liste, la page d’un groupe et les appartenances d’un utilisateur.
groups_title = Groupes
groups_group = Groupe
groups_add = Ajouter un groupe
groups_explained = Les membres d’un groupe ont ses rôles. Les règles désignent le groupe lui-même par group:NOM.
groups_none = Aucun groupe n’a été ajouté.
groups_search = Nom, objet ou rôle
groups_description = Objet
groups_name_hint = Lettres minuscules, chiffres, - et _. Le nom ne change jamais, car des règles le mentionnent.
groups_roles = Rôles
groups_roles_list = Rôles de ses membres, séparés par des espaces
groups_roles_hint = Une modification prend effet au prochain appel de chaque membre.
groups_members = Membres
groups_no_members = Le groupe n’a pas de membres.
groups_source = Origine
groups_by_administrator = Un administrateur
groups_by_rule = Une règle d’un fournisseur d’identité
groups_remove = Retirer
groups_all_members = Tous les membres dans la liste des utilisateurs
groups_add_members = Ajouter des membres
groups_add_selected = Ajouter au groupe
groups_users = Identifiants
groups_users_hint = Séparés par des espaces ou des retours à la ligne. Une règle d’un fournisseur d’identité qui se termine par -> group:{ $name } ajoute des membres à la connexion.
groups_saved = Le groupe a été modifié.
groups_members_added =
    { $count ->
        [0] Tous étaient déjà membres.
        [one] { $count } membre a été ajouté.
       *[other] { $count } membres ont été ajoutés.
    }
groups_members_removed =
    { $count ->
        [one] { $count } membre a été retiré.
       *[other] { $count } membres ont été retirés.
    }
groups_delete_question =
    { $count ->
        [one] Supprimer ce groupe ?
       *[other] Supprimer { $count } groupes ?
    }
groups_delete_effect = Leurs membres perdent les rôles qu’ils ont par ces groupes. Les règles qui les mentionnent ne s’appliquent plus à aucun utilisateur.
groups_were_deleted =
    { $count ->
        [one] { $count } groupe a été supprimé.
       *[other] { $count } groupes ont été supprimés.
    }
groups_of_user = Rôles et groupes
groups_no_roles = L’utilisateur n’a aucun rôle.
groups_role_by_administrator = par un administrateur
groups_role_by_provider = par une règle de { $provider }
groups_role_by_group = par le groupe { $group }

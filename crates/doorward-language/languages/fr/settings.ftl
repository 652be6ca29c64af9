# The form of the settings of upstreams and identity providers.
settings_add_upstream = Ajouter un serveur amont
settings_of = Paramètres de { $name }
settings_edit = Modifier les paramètres
settings_basics = Paramètres de base
settings_sign_in = Qui peut se connecter
settings_offer = Outils et accès
settings_authorization = Demande d’autorisation et points de terminaison
settings_claims = Claims
settings_limits = Limites, durées et réseaux
settings_change = Modification
settings_nothing = Rien ne change.
settings_ends_access = Les utilisateurs connectés perdent l’accès et doivent se reconnecter.
settings_apply = Appliquer la modification
settings_show = Afficher la modification
settings_name = Nom court
settings_secret_held = Une valeur est définie ; laissez vide pour la conserver.
settings_lines = Une valeur par ligne.

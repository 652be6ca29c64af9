# Pages of administrators.
admin_overview = Vue d’ensemble
admin_users = Utilisateurs
admin_clients = Clients
admin_providers = Fournisseurs d’identité
admin_policy = Politique
admin_keys = Clés de signature
admin_timeline = Chronologie
admin_audit = Audit
admin_not_changed = Rien n’a été modifié : { $reason }.

# Overview.
admin_mcp_server = Serveur MCP
admin_mcp_url = URL pour les clients : <code>{ $url }</code>
admin_mcp_on_explained = Tant que le serveur MCP est désactivé, chaque URL MCP répond par 404, y compris aux clients connectés. Les accès accordés sont conservés.
admin_mcp_disable = Désactiver
admin_mcp_public = Tant que le serveur MCP est activé, les informations suivantes sont publiques :
admin_mcp_private = Les outils et leurs résultats ne sont accessibles qu’aux utilisateurs connectés.
admin_mcp_acknowledge = Je comprends ce qui devient public.
admin_mcp_enable = Activer
admin_health = État du système
admin_good = ok
admin_bad = problème
admin_test_mail = Envoyer un e-mail de test
admin_test_mail_off = Aucun serveur de messagerie n’est configuré. Définissez mail.url et mail.from dans la configuration pour envoyer des e-mails.
admin_test_mail_to = Adresse e-mail
admin_test_mail_sent = Le serveur de messagerie a accepté un e-mail de test pour { $email }.
admin_notice = Annonce
admin_notice_explained = Une ligne affichée sur chaque page, par exemple pour une maintenance prévue. Laissez vide pour n’en afficher aucune.
admin_notice_text = Texte

# Audit.
admin_audit_user = Utilisateur
admin_audit_kind = Événement
admin_audit_outcome = Résultat
admin_audit_tool = Outil
admin_audit_upstream = Serveur amont
admin_audit_subject = Objet
admin_audit_search = Texte dans les noms ou les détails
admin_audit_from = Du
admin_audit_to = Au
admin_audit_json = Lignes JSON
admin_audit_csv = CSV
admin_audit_verify = Pour vérifier qu’aucune entrée n’a été modifiée ou retirée : <code>doorward audit verify</code>.
admin_audit_none_in_range = Aucun résultat dans la plage parcourue.
admin_audit_none = Aucune entrée correspondante.
admin_audit_search_further = Chercher dans les entrées plus anciennes
admin_record_title = Appel enregistré
admin_record_audited = Votre accès à cet enregistrement est consigné dans l’audit.
admin_record_arguments = Arguments
admin_record_result = Résultat

# Clients.
admin_client_metadata = Métadonnées
admin_client_source = Origine
admin_client_first_allowed = Première autorisation
admin_client_auth = Méthode d’authentification
admin_client_page = Site web
admin_client_redirect_uris = URI de redirection
admin_client_attempts = Tentatives de connexion
admin_client_activity = Entrées d’audit
admin_client_decide = Actions
admin_client_withdraw_approval = Révoquer l’approbation
admin_client_approve = Approuver
admin_client_unpin = Ne plus épingler le document de métadonnées
admin_client_pin = Épingler le document de métadonnées
admin_client_unblock = Activer
admin_client_block = Désactiver et révoquer l’accès
admin_client_pin_explained = Si le document de métadonnées d’un client épinglé change, le client est refusé jusqu’à la décision d’un administrateur.
admin_client_delete_sure = Supprimer ce client. Son accès est révoqué et il doit s’enregistrer à nouveau.
admin_client_added = Le client a été ajouté
admin_client_copy_secret = Copiez le secret maintenant. Il ne sera plus affiché.
admin_client_search = Nom ou ID
admin_client_by_hand = ajouté par un administrateur
admin_client_document = document de métadonnées
admin_client_document_of = document de métadonnées de { $vendor }
admin_client_registered = enregistrement dynamique
admin_client_find = Rechercher
admin_client_quota = { $count } clients sur { $most } au plus sont enregistrés dynamiquement.
admin_client_approval = Les clients qui n’ont pas été ajoutés par un administrateur doivent être approuvés.
admin_client_clean_up_days = Supprimer les enregistrements inutilisés de plus de (jours)
admin_client_clean_up = Nettoyer
admin_client_cleaned_up =
    { $count ->
        [one] { $count } enregistrement inutilisé a été supprimé.
       *[other] { $count } enregistrements inutilisés ont été supprimés.
    }
admin_client_add = Ajouter un client
admin_client_redirect_uris_lines = URI de redirection, une par ligne
admin_client_confidential = Confidentiel : le client a une partie serveur qui peut garder un secret
admin_client_admin = Le client peut demander le scope admin aux administrateurs
admin_client_openid = Relying party : les utilisateurs se connectent à cette application par ce serveur (OpenID Connect)
admin_client_pairwise = OpenID Connect : sujets par paire (pairwise), que d’autres applications ne peuvent pas comparer
admin_client_signed_userinfo = OpenID Connect : userinfo sous forme de jeton signé
admin_client_pairwise_ends = Un changement révoque l’accès que les utilisateurs ont donné à l’application, car leurs sujets changent.
admin_client_post_logout = URL après la déconnexion, une par ligne
admin_client_backchannel = URL à notifier à la fin d’une session (déconnexion back-channel)
admin_client_rules = Règles pour ses requêtes
admin_client_require_pushed = Les demandes d’autorisation doivent être transmises au préalable (PAR)
admin_client_bound_tokens = Les jetons d’accès doivent être liés à une clé (DPoP)
admin_client_backchannel_sid = L’application a besoin de l’identifiant de session (sid) dans la notification
admin_client_add_service = Ajouter un service
admin_client_service_explained = Un service agit sans utilisateur : une tâche nocturne ou une compilation. Il reçoit des jetons de courte durée avec client_credentials.
admin_client_service_account = Compte du service
admin_client_service_account_hint = Un identifiant, par exemple nightly. Le compte est créé s’il n’existe pas.
admin_client_scopes = Scopes
admin_client_jwks = Clés publiques (JWK Set) à la place d’un secret
admin_client_service = Service
admin_client_exchange = Échanger des jetons
admin_client_exchange_explained = Un client qui agit pour des utilisateurs, par exemple un agent, échange leurs jetons contre des jetons plus restreints (RFC 8693). La fin de l’autorisation révoque aussitôt les jetons échangés.
admin_client_exchange_from = client_id de chaque application dont il peut échanger les jetons d’utilisateurs, un par ligne
admin_client_exchange_back_end = Backend d’IA : chaque jeton est destiné à un seul serveur amont et valable cinq minutes au plus. Les applications et les utilisateurs ne voient jamais ces jetons.
admin_client_exchange_providers = Jetons de fournisseurs d’identité qu’il peut échanger, une fois chacun : fournisseur, audience et, s’il est exigé, un scope, séparés par des espaces, un type par ligne
admin_client_exchange_permit = Autoriser
admin_client_exchange_change = Modifier
admin_client_exchange_end = Mettre fin à l’autorisation
admin_client_state_blocked = désactivé
admin_client_state_approved = approuvé
admin_client_state_waiting = en attente d’approbation
admin_client_state_pinned = épinglé

# Keys and tokens.
admin_keys_key = Clé
admin_keys_algorithm = Algorithme
admin_keys_from = Active à partir du
admin_keys_until = Conservée jusqu’au
admin_keys_create = Créer une nouvelle clé
admin_keys_explained = La nouvelle clé est publiée avant de signer, afin qu’aucun jeton ne soit refusé. L’ancienne est conservée jusqu’à l’expiration de tout ce qu’elle a signé.
admin_keys_state_active = active
admin_keys_state_next = à venir
admin_keys_state_verifies = vérification seulement
admin_tokens_of = Utilisateur
admin_tokens_scopes = Scopes
admin_tokens_last_used = Dernière utilisation
admin_tokens_expires = Expire
admin_tokens_ended = terminé
admin_tokens_service = Pour créer un jeton de service : <code>doorward token create NAME --service ACCOUNT --scope mcp:read</code>.

# Users.
admin_user_added = L’utilisateur { $user } a été ajouté
admin_user_hand_over_no_mail = Aucun e-mail n’a été envoyé. Transmettez ce lien à l’utilisateur : il fonctionne une fois, dans les sept jours.
admin_user_hand_over_mail_failed = L’e-mail n’a pas pu être envoyé. Transmettez ce lien à l’utilisateur : il fonctionne une fois, dans les sept jours.
admin_user_tell_mail_failed = L’e-mail n’a pas pu être envoyé. Informez l’utilisateur que le compte existe.
admin_user_email = Adresse e-mail
admin_user_roles = Rôles
admin_user_disabled = désactivé
admin_user_active = actif
admin_user_cannot_sign_in = connexion impossible
admin_user_first_password_state = doit changer le premier mot de passe
admin_user_service = service
admin_user_add = Ajouter un utilisateur
admin_user_sign_in_name = Identifiant
admin_user_roles_list = Rôles, séparés par des espaces
admin_user_way = Méthode de connexion
admin_user_by_password = Mot de passe
admin_user_by_invitation = Invitation via { $provider } avec cette adresse e-mail
admin_user_first_password = Mot de passe initial (facultatif)
admin_user_profile = Profil et rôles
admin_user_since = depuis le { $time }
admin_user_display_name = Nom affiché
admin_user_sign_in = Connexion
admin_user_stated = Dernière déclaration de { $provider } ({ $time })
admin_user_stated_nothing = non indiqué
admin_user_stated_more = { $values } et { $count } de plus
admin_user_stated_no_rules = Aucune règle de ce fournisseur d’identité ne lit de claim.
admin_user_rule_holds = remplie
admin_user_rule_fails = non remplie
admin_user_has_password = mot de passe défini
admin_user_no_password = aucun mot de passe
admin_user_passkeys =
    { $count ->
        [one] { $count } clé d’accès
       *[other] { $count } clés d’accès
    }
admin_user_authenticator = application d’authentification configurée
admin_user_no_authenticator = aucune application d’authentification
admin_user_tokens =
    { $count ->
        [one] { $count } jeton d’accès personnel actif
       *[other] { $count } jetons d’accès personnels actifs
    }
admin_user_session = { $browser } · adresse IP { $address } · dernière activité le { $seen }
admin_user_end_session = Mettre fin à la session { $session }
admin_user_apps_too = Révoquer aussi l’accès des applications connectées
admin_user_end_sessions = Mettre fin à toutes les sessions
admin_user_set_password = Définir un mot de passe
admin_user_set_password_submit = Définir le mot de passe, mettre fin aux sessions et révoquer les applications
admin_user_remove_factors = Retirer tous les seconds facteurs
admin_user_remove_factors_sure = Retirer les clés d’accès, l’application d’authentification et les codes de récupération. Les sessions prennent fin et les applications connectées sont révoquées.
admin_user_remove_factors_submit = Retirer les seconds facteurs
admin_user_no_apps = Aucune application n’a accès au compte de { $user }.
admin_user_app = { $scopes } · dernière utilisation le { $used }
admin_user_activity = Activité récente
admin_user_all_activity = Tout afficher dans l’audit
admin_user_end = Désactiver ou supprimer
admin_user_enable = Activer
admin_user_disable = Désactiver, mettre fin aux sessions, révoquer jetons et applications
admin_user_delete_sure = Supprimer ce compte. Cette action est irréversible. Les entrées d’audit concernant { $user } sont conservées.
admin_delete_named = Supprimer { $name }
admin_user_saved = Enregistré.
admin_user_enabled = L’utilisateur est activé.
admin_user_was_disabled = L’utilisateur est désactivé. Les sessions ont pris fin ; les jetons et applications connectées sont révoqués.
admin_user_password_set = Le mot de passe est défini. Les sessions ont pris fin ; les applications connectées sont révoquées.
admin_user_factors_removed = Tous les seconds facteurs ont été retirés. Les sessions ont pris fin ; les applications connectées sont révoquées.
admin_user_sessions_ended = Toutes les sessions ont pris fin.
admin_user_session_ended = La session a pris fin.
admin_user_app_revoked = L’accès de l’application est révoqué.

# Policy.
admin_policy_question = Vérifier l’accès à un élément
admin_policy_user = Utilisateur (ID ou identifiant)
admin_policy_kind = Type d’élément
admin_policy_item = Élément (nom ou URI sur /mcp)
admin_policy_client = Client (ID ou nom ; vide pour tous)
admin_policy_explain = Vérifier
admin_policy_rules = Les règles désignent les utilisateurs et les clients par leur ID. Les règles de <code>[policy]</code> et de <code>[access]</code> décident ensemble.
admin_policy_answer = { $user } et { $item } :
admin_item_tool = Outil
admin_item_prompt = Prompt
admin_item_resource = Ressource
admin_item_template = Modèle de ressource
admin_item_upstream = Serveur amont

# Identity providers.
admin_provider_none = Aucun fournisseur d’identité n’est configuré. Les utilisateurs se connectent avec des mots de passe et des clés d’accès.
admin_provider_linked =
    { $count ->
        [one] { $count } compte lié
       *[other] { $count } comptes liés
    }
admin_provider_in_file = du fichier de configuration
admin_provider_redirect_uri = URI de redirection à enregistrer chez le fournisseur d’identité
admin_provider_test = Tester
admin_provider_test_named = Tester { $provider }
admin_provider_delete_sure = Supprimer ce fournisseur d’identité. Les utilisateurs qui se connectent par son biais perdent l’accès.
admin_provider_add = Ajouter un fournisseur d’identité
admin_provider_kind = Type
admin_admits_title = Qui peut se connecter
admin_admits_off = Aucun utilisateur ne peut se connecter par ce fournisseur d’identité : il est désactivé.
admin_admits_open = Chaque compte de ce fournisseur d’identité peut se connecter et reçoit un compte ici.
admin_admits_open_public = Toute personne ayant un compte { $service } peut se connecter et reçoit un compte ici.
admin_admits_open_rules = Les comptes qui remplissent toutes ces règles peuvent se connecter et reçoivent un compte ici : { $rules }
admin_admits_invited = Seuls les utilisateurs invités et ceux dont le compte est lié peuvent se connecter.
admin_admits_invited_rules = Seuls les utilisateurs invités et ceux dont le compte est lié peuvent se connecter, s’ils remplissent toutes ces règles : { $rules }
admin_admits_undecided = Seuls les utilisateurs invités et ceux dont le compte est lié peuvent se connecter. Les nouveaux comptes { $service } sont refusés jusqu’à ce que sign_up soit défini, ou que allowed_domains, allowed_groups ou required_claims limite l’admission.
admin_provider_deleted = Le fournisseur d’identité a été supprimé. L’accès des utilisateurs connectés par son biais a pris fin.

# Upstreams.
admin_upstream_access = accès : { $auth }
admin_upstream_connected =
    { $count ->
        [one] { $count } utilisateur connecté
       *[other] { $count } utilisateurs connectés
    }
admin_upstream_tools =
    { $count ->
        [one] { $count } outil connu
       *[other] { $count } outils connus
    }
admin_upstream_names_another = Le serveur amont indique un autre serveur d’autorisation ou une autre ressource qu’auparavant. Aucun utilisateur n’y est redirigé tant que vous ne l’avez pas accepté.
admin_upstream_accepted = accepté
admin_upstream_named_now = indiqué maintenant
admin_upstream_accept_warning = Ne l’acceptez que si l’exploitant du serveur amont a confirmé le changement. Tous les utilisateurs connectés devront ensuite se reconnecter.
admin_upstream_accept = Accepter
admin_upstream_left_out =
    { $count ->
        [one] { $count } élément annoncé est omis :
       *[other] { $count } éléments annoncés sont omis :
    }
admin_upstream_parts_left_out =
    { $count ->
        [one] { $count } partie est omise ou complétée :
       *[other] { $count } parties sont omises ou complétées :
    }
admin_tool_changed = { $part } modifié
admin_tool_before = approuvé
admin_tool_after = maintenant
admin_tool_approve_named = Approuver { $tool }
admin_tool_reject = Rejeter
admin_tool_reject_named = Rejeter { $tool }
admin_tool_class = Classe
admin_tool_class_annotations = comme déclaré
admin_tool_class_read = lecture
admin_tool_class_write = écriture
admin_tool_class_destructive = destructif
admin_tool_set_class = Définir
admin_tool_set_class_named = Définir la classe de { $tool }
admin_tool_state_approved = approuvé
admin_tool_state_rejected = rejeté
admin_tool_state_waiting = à examiner
admin_tool_state_changed = modifié

# Connection attempts.
admin_timeline_explained = Chaque tentative de connexion d’un client, de sa première requête à son premier appel.
admin_timeline_client_example = nom ou client_id
admin_timeline_hours = Dernières heures
admin_timeline_none = Aucun client n’a essayé de se connecter pendant cette période.
admin_timeline_steps = Étapes
admin_trust = Règles de confiance
admin_trust_explained = Une règle de confiance permet à une charge de travail, par exemple une tâche d’intégration continue ou un pod, d’agir comme service sans secret : elle présente le jeton que sa plateforme a signé. Chaque règle a son propre client.
admin_trust_none = Aucune règle de confiance n’a été ajoutée.
admin_trust_add = Ajouter une règle de confiance
admin_trust_added = La règle de confiance a été ajoutée.
admin_trust_changed = La règle de confiance a été modifiée ; l’accès de sa charge de travail a pris fin.
admin_trust_deleted = La règle de confiance a été supprimée ; l’accès de sa charge de travail a pris fin.
admin_trust_issuer = Émetteur, exactement comme dans le claim iss
admin_trust_audience = Audience
admin_trust_audience_hint = Les jetons doivent avoir exactement cette audience. Vide : l’URL publique de ce serveur.
admin_trust_subject = Sujet ; * remplace n’importe quel texte
admin_trust_claims = Autres claims, un NOM=MOTIF par ligne
admin_trust_jwks_uri = URL des clés de l’émetteur, si son document de découverte ne l’indique pas
admin_trust_jwks = Clés publiques de l’émetteur (JWK Set), si ce serveur ne peut pas les récupérer
admin_trust_reusable = Un jeton peut être présenté à nouveau jusqu’à son expiration (Kubernetes, SPIFFE)
admin_trust_change = Modifier la règle de confiance
admin_trust_change_ends = Une modification met fin à l’accès actuel de la charge de travail.
admin_trust_delete_sure = Supprimer cette règle de confiance. L’accès de sa charge de travail prend fin.
admin_resources = Serveurs de ressources
admin_resources_explained = Les serveurs de ressources externes sont d’autres programmes qui acceptent les jetons d’accès de ce serveur. Les clients connectent les utilisateurs ici et appellent ces serveurs directement.
admin_resources_none = Aucun serveur de ressources externe n’a été ajouté.
admin_resource_add = Ajouter un serveur de ressources
admin_resource_url = URL, exactement comme dans l’audience des jetons
admin_resource_name = Nom sur la page de consentement (facultatif)
admin_resource_scopes = Scopes, séparés par des espaces ; le premier est celui par défaut
admin_resource_roles = Rôles qui peuvent l’utiliser (aucun : tous les utilisateurs)
admin_resource_set_up = Configurer ce serveur
admin_resource_metadata = Document de métadonnées, à servir à
admin_resource_copy_secret = Copiez le secret maintenant ; il n’est affiché qu’une fois. Le serveur n’en a besoin que pour l’introspection.
admin_resource_replace_secret = Remplacer le secret
admin_resource_added = { $name } a été ajouté.
admin_resource_changed = Le serveur de ressources a été modifié.
admin_resources_delete_question =
    { $count ->
        [one] Supprimer ce serveur de ressources ?
       *[other] Supprimer { $count } serveurs de ressources ?
    }
admin_resources_delete_effect = Les applications perdent immédiatement leur accès à ces serveurs.
admin_resources_were_deleted =
    { $count ->
        [one] { $count } serveur de ressources a été supprimé.
       *[other] { $count } serveurs de ressources ont été supprimés.
    }
admin_resource_secret_replaced = Le secret a été remplacé. L’ancien ne fonctionne plus.
admin_keys_created = Une nouvelle clé de signature a été créée. Les clients la découvrent avant qu’elle ne signe.
admin_trust_client = Client de cette règle

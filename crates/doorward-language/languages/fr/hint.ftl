# Hints below the fields of an upstream's and an identity provider's settings.

# Upstreams.
hint_upstream_kind = http : MCP sur Streamable HTTP, toutes révisions. sse : MCP sur l’ancien HTTP+SSE. openapi : une API REST avec un document OpenAPI.
hint_upstream_title = Le nom que voient les utilisateurs. Vide : le nom court.
hint_upstream_enabled = Propose ses outils aux utilisateurs.
hint_upstream_url = L’URL du point de terminaison MCP ; avec sse, celle du flux d’événements ; avec openapi, l’URL de base de l’API si le document ne l’indique pas.
hint_upstream_document = Avec openapi : l’URL https du document OpenAPI.
hint_upstream_origins = Avec openapi : autres origines vers lesquelles des appels peuvent être envoyés, par exemple https://api.example.com. Sinon, les appels vont à l’origine de url ou, à défaut, à celle du document ; les opérations d’autres serveurs sont écartées.
hint_upstream_auth = Identifiants des appels. none : aucun. header : un en-tête fixe. basic : un utilisateur et un mot de passe fixes. identity : un jeton de courte durée de ce serveur, qui désigne l’utilisateur. exchange : ce jeton, échangé auprès du serveur d’autorisation du serveur amont (RFC 8693). assertion : le fournisseur d’identité atteste l’utilisateur auprès du serveur d’autorisation du serveur amont, sans afficher de page. oauth : chaque utilisateur connecte son propre compte. client_credentials : un jeton destiné à ce serveur lui-même, émis par le serveur d’autorisation du serveur amont et commun à tous les utilisateurs. workload : de même, en échange d’un jeton qui désigne ce serveur comme charge de travail (RFC 7523). Le jeton du client n’est jamais transmis.
hint_upstream_header = Avec auth = header : l’en-tête, sous la forme NAME: VALUE. Il est conservé chiffré.
hint_upstream_username = Avec auth = basic : le nom d’utilisateur.
hint_upstream_password = Avec auth = basic : le mot de passe. Il est conservé chiffré.
hint_upstream_identity_provider = Avec auth = assertion : le nom court du fournisseur d’identité. Les utilisateurs doivent s’être connectés par son intermédiaire.
hint_upstream_client_id = Pour tout auth qui demande des jetons au serveur d’autorisation du serveur amont : l’ID client de ce serveur auprès de lui. Avec auth = oauth, laissez vide pour un enregistrement automatique.
hint_upstream_client_secret = Le secret client associé à client_id. Il est conservé chiffré.
hint_upstream_private_key = À la place de client_secret : la clé privée avec laquelle ce serveur s’authentifie (private_key_jwt), au format PEM (PKCS#8 ; RSA, P-256 ou Ed25519). Elle est conservée chiffrée.
hint_upstream_issuer = L’URL de l’émetteur du serveur d’autorisation du serveur amont. Obligatoire avec auth = client_credentials et workload ; avec auth = oauth, seulement si le serveur amont ne l’indique pas.
hint_upstream_scopes = Scopes à demander. Vide : ceux que demande le serveur amont.
hint_upstream_dpop = Les jetons d’accès sont liés à une clé de ce serveur, qui en apporte la preuve à chaque requête (DPoP, RFC 9449). Le serveur amont et son serveur d’autorisation doivent le prendre en charge.
hint_upstream_private_key_id = Le nom de private_key auprès du serveur d’autorisation (kid), s’il en a besoin.
hint_upstream_authorize_params = Autres paramètres de la demande d’autorisation, sous la forme NAME=VALUE, par exemple access_type=offline ou prompt=select_account. Les paramètres que Doorward définit lui-même sont refusés.
hint_upstream_trust_pkce = Utilise le serveur d’autorisation même si ses métadonnées n’indiquent pas qu’il vérifie PKCE (S256). Exige issuer et client_id. Uniquement pour un serveur qui le vérifie réellement : sinon, un code d’autorisation volé est utilisable.
hint_upstream_offline_prompt = Envoie prompt=consent avec le scope offline_access, comme l’exige OpenID Connect Core §11. Sans cela, certains serveurs n’émettent pas de jeton de renouvellement.
hint_upstream_send_resource = Envoie le paramètre resource (RFC 8707). À désactiver uniquement pour un serveur qui refuse les demandes qui le contiennent.
hint_upstream_token_auth_method = Authentification au point de terminaison des jetons avec le client_id ci-dessus : client_secret_basic, client_secret_post, private_key_jwt ou none. Vide : une méthode indiquée par les métadonnées.
hint_upstream_audience = L’audience du jeton avec auth = identity ou exchange. Vide : url. Avec auth = client_credentials ou workload, elle est envoyée comme audience si elle est définie.
hint_upstream_discovery_url = L’URL des métadonnées du serveur d’autorisation, si elles ne se trouvent pas à un chemin standard de issuer. Le document doit indiquer le même issuer.
hint_upstream_authorize_url = Le point de terminaison d’autorisation, à la place de celui des métadonnées. Avec token_url et sans discovery_url, les métadonnées sont inutiles.
hint_upstream_token_url = Le point de terminaison des jetons : obligatoire avec auth = exchange ; avec oauth, à la place de celui des métadonnées.
hint_upstream_registration_url = Le point de terminaison d’enregistrement des clients, à la place de celui des métadonnées.
hint_upstream_revocation_url = Le point de terminaison de révocation des jetons, à la place de celui des métadonnées.
hint_upstream_connection_days = Nombre de jours après lequel un utilisateur doit se reconnecter.
hint_upstream_include = Outils à proposer, par leur nom sur le serveur amont ; * remplace n’importe quel texte. Vide : tous.
hint_upstream_exclude = Outils à ne pas proposer ; * remplace n’importe quel texte.
hint_upstream_roles = Rôles dont un utilisateur doit avoir au moins un pour utiliser ce serveur amont. Vide : tous les utilisateurs.
hint_upstream_own_scopes = Donne à ses outils leurs propres scopes (mcp:read:NAME, …), afin de pouvoir limiter un client à ce serveur amont.
hint_upstream_approve = Nouveaux outils. auto : proposés immédiatement. manual : en attente de l’approbation d’un administrateur, de même que les prompts et les ressources. Un outil dont la définition change attend toujours.
hint_upstream_classes = Classes des outils dont les annotations manquent ou sont fausses, sous forme de règles TOOL = read, TOOL = write ou TOOL = destructive.
hint_upstream_capabilities = Fonctions des clients que le serveur amont peut utiliser. elicitation : poser une question à l’utilisateur, en affichant son titre. sampling : faire rédiger un texte par le modèle du client, aux frais de l’utilisateur. roots : lire la liste des dossiers du client. Les autres sont refusées.
hint_upstream_prompts = Propose ses prompts.
hint_upstream_resources = Propose ses ressources.
hint_upstream_networks = Réseaux privés où il peut se trouver, par exemple 10.1.2.0/24. Le protocole http sans TLS y est aussi autorisé : toutes les données, jetons compris, circulent alors en clair.
hint_upstream_http_on_loopback = L’autorise sur cette machine : équivaut à 127.0.0.0/8 et ::1/128 dans networks.
hint_upstream_list_tools = Nombre maximal d’outils conservés. Les suivants sont écartés et nommés sur sa page et dans le journal. Les outils qui ne sont plus listés, mais ont fait l’objet d’une décision, comptent aussi.
hint_upstream_list_bytes = Taille maximale de toutes les définitions d’outils, en octets.
hint_upstream_list_seconds = Nombre de secondes après lequel ses listes sont redemandées.
hint_upstream_list_wait_ms = Nombre de millisecondes pendant lequel la première liste d’un client l’attend. Les outils reçus plus tard sont annoncés au client.
hint_upstream_connect_seconds = Durée maximale de la connexion, en secondes. 0 : 20 secondes, ou 120 pour un processus local.
hint_upstream_call_seconds = Durée maximale d’un appel, en secondes. 0 : la limite générale.
hint_upstream_calls_per_minute = Appels par minute, tous utilisateurs confondus. 0 : pas de limite propre.
hint_upstream_calls_at_once = Appels simultanés, tous utilisateurs confondus. 0 : la limite générale.
hint_upstream_result_bytes = Taille maximale d’un résultat, en octets. 0 : la limite générale.
hint_upstream_idle_seconds = Nombre de secondes sans appel après lequel une connexion est fermée.

# Identity providers.
hint_provider_kind = Un préréglage pour le produit ; oidc pour tout autre fournisseur OpenID Connect ; oauth2 pour un fournisseur limité à OAuth 2.0.
hint_provider_name = Le texte du bouton sur la page de connexion. Vide : le nom du produit.
hint_provider_enabled = Permet aux utilisateurs de se connecter par ce fournisseur. Le désactiver ne met fin à aucun accès ; le supprimer, si.
hint_provider_issuer = L’URL du fournisseur. Pour oidc, okta et keycloak : exactement l’émetteur (issuer) de ses métadonnées. Pour gitlab, github et mattermost : l’URL de votre propre installation. Pour entra : un autre cloud que le cloud public.
hint_provider_tenants = Pour entra : les identifiants des locataires dont les utilisateurs sont admis. Au moins un.
hint_provider_client_id = L’ID client émis par le fournisseur.
hint_provider_client_secret = Le secret client émis par le fournisseur. Il est conservé chiffré.
hint_provider_token_auth_method = Authentification au point de terminaison des jetons : client_secret_basic, client_secret_post, private_key_jwt ou none. Vide : la valeur par défaut du type.
hint_provider_private_key_id = Avec private_key_jwt : l’identifiant (kid) sous lequel le fournisseur connaît la clé.
hint_provider_sign_up = open : tout utilisateur admis par les règles ci-dessous obtient un compte à sa première connexion. invited : uniquement les utilisateurs invités par un administrateur. Obligatoire lorsque n’importe qui peut avoir un compte (Google, GitHub, GitLab.com, comptes Microsoft personnels), sauf si l’une des règles ci-dessous limite les admissions.
hint_provider_allowed_domains = N’admet que les utilisateurs dont l’adresse e-mail vérifiée appartient à l’un de ces domaines. Pour google, c’est l’organisation (hd) qui compte. Vide : tous.
hint_provider_allowed_groups = N’admet que les membres de l’un de ces groupes ; * remplace n’importe quel texte. Vide : tous.
hint_provider_required_claims = N’admet que les utilisateurs pour lesquels toutes ces règles sont vérifiées, chacune sous la forme CLAIM = PATTERN.
hint_provider_roles = Rôles selon les claims, sous forme de règles CLAIM = PATTERN -> ROLE, par exemple groups = engineering-* -> developer. Évaluées à chaque connexion et à chaque vérification.
hint_provider_authoritative_domains = Domaines dont seul ce fournisseur attribue les adresses e-mail. L’utilisateur qui se connecte avec une telle adresse obtient, sans confirmation, le compte qui la possède déjà.
hint_provider_home_domains = L’utilisateur qui saisit une adresse e-mail de l’un de ces domaines est dirigé vers ce fournisseur. Vide : allowed_domains.
hint_provider_trust_email = Considère les adresses e-mail comme vérifiées même si le fournisseur ne l’indique pas. Uniquement pour un fournisseur où les utilisateurs ne choisissent pas leur adresse.
hint_provider_second_factor = Second facteur sur ce serveur. enrolled : pour les utilisateurs qui en ont un. required : pour tous les utilisateurs. never : pas à la connexion ; les utilisateurs qui en ont un doivent le présenter avant de modifier leurs moyens de connexion.
hint_provider_trusted_factors = Valeurs de acr ou de amr avec lesquelles la connexion chez le fournisseur compte pour deux facteurs.
hint_provider_scopes = Scopes à demander à la place de ceux du type. Avec OpenID Connect, openid est toujours ajouté.
hint_provider_authorize_params = Autres paramètres de la demande d’autorisation, sous la forme NAME=VALUE, par exemple domain_hint=example.com ou prompt=select_account. Les paramètres que Doorward définit lui-même sont refusés.
hint_provider_pkce = Utilise PKCE (S256), même si le fournisseur ne l’annonce pas. À désactiver uniquement pour un fournisseur qui refuse les demandes qui l’utilisent.
hint_provider_offline_prompt = Envoie prompt=consent avec le scope offline_access, comme l’exige OpenID Connect Core §11. Sans cela, certains fournisseurs n’émettent pas de jeton de renouvellement.
hint_provider_response_mode = La forme de la réponse d’autorisation : query ou form_post.
hint_provider_acr_values = Contextes d’authentification (acr_values) à demander lorsque le client n’en indique aucun, séparés par des espaces.
hint_provider_discovery_url = Avec OpenID Connect : l’URL du document de découverte, s’il ne se trouve pas sous issuer. Le document doit indiquer le même issuer.
hint_provider_authorize_url = Le point de terminaison d’autorisation : obligatoire pour oauth2 ; pour les autres types, à la place de celui qui est découvert.
hint_provider_token_url = Le point de terminaison des jetons : obligatoire pour oauth2 ; pour les autres types, à la place de celui qui est découvert.
hint_provider_userinfo_url = Le point de terminaison userinfo : obligatoire pour oauth2 ; avec OpenID Connect, à la place de celui qui est découvert.
hint_provider_jwks_url = Avec OpenID Connect : l’URL des clés publiques (JWKS), à la place de celle qui est découverte. Avec authorize_url et token_url, aucun document de découverte n’est nécessaire.
hint_provider_end_session_url = La page de déconnexion, à la place de celle qui est découverte.
hint_provider_claim_subject = Le claim qui identifie un utilisateur et ne change jamais : un nom, ou un pointeur JSON tel que /data/id. Vide : la valeur par défaut du type, ici et dans les champs suivants.
hint_provider_claim_username = Le claim qui contient le nom d’utilisateur.
hint_provider_claim_email = Le claim qui contient l’adresse e-mail.
hint_provider_claim_email_verified = Le claim qui indique si l’adresse e-mail a été vérifiée.
hint_provider_claim_name = Le claim qui contient le nom affiché.
hint_provider_claim_groups = Le claim qui contient les groupes : une liste, un texte composé de mots séparés par des espaces, ou une liste d’objets avec name.
hint_provider_networks = Réseaux privés où le fournisseur peut se trouver, par exemple 10.1.0.0/16.
hint_provider_refresh_seconds = Nombre de secondes après lequel le fournisseur est interrogé à nouveau sur le compte et les groupes d’un utilisateur.
hint_provider_grace_seconds = Nombre de secondes pendant lequel l’accès continue si le fournisseur est injoignable pour cette vérification.
hint_provider_confirm_seconds = Nombre de secondes après lequel un utilisateur doit se reconnecter, si le fournisseur n’a émis aucun jeton pour la vérification ou si l’utilisateur s’y est déconnecté.
hint_provider_logout_ends_grants = Lorsqu’un utilisateur se déconnecte chez le fournisseur (déconnexion back-channel), met aussi fin aux applications connectées, et pas seulement aux sessions du navigateur.
hint_provider_assertions = Avec OpenID Connect : accepte les assertions du fournisseur sur les utilisateurs, présentées par des clients (enterprise-managed authorization). Le fournisseur décide alors quel client agit pour un utilisateur, sans demander le consentement de celui-ci.

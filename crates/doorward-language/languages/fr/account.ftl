# A user's own pages: overview, activity, and the navigation between them.
account_title = Votre compte
account_pages = Pages de votre compte
account_hello = Bonjour { $name }
account_overview = Vue d’ensemble
account_connect_client = Connecter un client
account_tokens = Jetons d’accès personnels
account_activity = Activité
account_security = Connexion et sécurité
account_roles = rôles : { $roles }
account_connect_app = Connecter une application
account_paste_url = Collez cette URL dans Claude, ChatGPT, VS Code, Cursor ou un autre client MCP. Le client découvre tout le reste.
account_instructions = Instructions pour chaque client
account_no_apps = Aucune application n’a accès à votre compte.
account_unverified_name = nom non vérifié
account_app_receivers = l’accès est envoyé à { $hosts }
account_app_times = connectée depuis le { $connected } · dernière utilisation le { $used }
account_last_called = derniers appels :
account_narrow = Réduire l’accès
account_narrow_submit = Ne conserver que les autorisations cochées
account_services = Services derrière ce serveur
account_disconnect = Déconnecter
account_disconnect_service = Déconnecter { $service }
account_connect = Connecter
account_connect_again = Reconnecter
account_service_ready = prêt
account_service_not_connected = non connecté
account_service_expired = connexion expirée
account_service_unreachable = injoignable
account_service_tools =
    { $count ->
        [one] { $count } outil
       *[other] { $count } outils
    }
account_service_connected = connecté depuis le { $time }
account_service_account = compte sur ce service : { $account }
account_service_scopes = scopes sur ce service : { $scopes }
account_recent = Activité récente
account_all_activity = Tout afficher
account_sessions = Sessions actives
account_this_browser = ce navigateur
account_session_facts = adresse IP { $address } · depuis le { $since } · dernière activité le { $seen }
account_end_session = Mettre fin à la session de { $browser } depuis { $address }
account_security_summary = Clés d’accès, application d’authentification, codes de récupération, comptes liés.
account_manage = Gérer
account_password_consequence = Changer le mot de passe met fin à vos autres sessions et révoque l’accès de toutes les applications connectées.
account_current_password = Mot de passe actuel
account_change_password = Changer le mot de passe
account_password_changed = Votre mot de passe a été changé. Vos autres sessions ont pris fin et les applications doivent être reconnectées.
account_password_not_changed = Le mot de passe n’a pas été changé : { $reason }.
account_session_ended_already = Cette session est déjà terminée.
account_activity_title = Activité de votre compte

# Reasons for which a service cannot be used.
account_problem_expired = l’accès a expiré, et le service n’a pas émis de jeton de renouvellement
account_problem_refused = le service n’accepte plus l’accès que vous avez accordé
account_problem_unknown_client = ce serveur n’est plus enregistré auprès du service
account_problem_other = signalé : { $detail }
account_problem_call_refused = le service a refusé l’accès

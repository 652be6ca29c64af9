# Passkeys, authenticator app, recovery codes and linked accounts.
security_title = Connexion et sécurité
security_sign_in_again = Votre dernière connexion remonte à un certain temps. <a href="{ $url }">Reconnectez-vous</a> pour effectuer des modifications.
security_verify_factor = Vous vous êtes connecté sans votre second facteur. <a href="{ $url }">Vérifiez-le</a> pour effectuer des modifications.
security_passkeys_explained = Votre empreinte, votre visage ou le code de votre appareil à la place d’un mot de passe. Une clé d’accès compte comme deux facteurs.
security_passkey_times = ajoutée le { $added } · dernière utilisation : { $used }
security_remove_passkey = Retirer la clé d’accès { $name }
security_passkey_name = Nom de la nouvelle clé d’accès
security_passkey_example = Mon ordinateur portable
security_add_passkey = Ajouter une clé d’accès
security_needs_javascript = JavaScript est nécessaire pour ajouter une clé d’accès.
security_needs_host_name = Les clés d’accès exigent un nom d’hôte, or ce serveur a été ouvert sous une adresse IP.
security_authenticator = Application d’authentification
security_authenticator_explained = Après votre mot de passe, le code à six chiffres de l’application vous est demandé.
security_set_up_app = Configurer une application d’authentification
security_scan = Scannez ce code QR avec une application comme Aegis, 2FAS ou Google Authenticator, ou saisissez la clé.
security_qr_code = Code QR de la clé ci-dessous
security_app_code = Code à six chiffres de l’application
security_not_set_up = Non configurée.
security_recovery_codes = Codes de récupération
security_recovery_codes_left =
    { $count ->
        [one] { $count } restant
       *[other] { $count } restants
    }
security_recovery_explained = À utiliser lorsque vous n’avez accès ni à votre application ni à votre appareil.
security_recovery_needs_factor = Ajoutez d’abord une clé d’accès ou configurez une application d’authentification.
security_new_codes = Créer de nouveaux codes
security_linked_accounts = Comptes liés
security_identity_times = { $account } · dernière utilisation : { $used }
security_unlink = Dissocier
security_unlink_provider = Dissocier { $provider }
security_link_provider = Lier { $provider }
security_sign_in_first = Reconnectez-vous avant de modifier vos moyens de connexion.
security_passkey_gone = Cette clé d’accès a déjà été retirée.
security_last_identity = Ce compte est votre seul moyen de connexion. Liez-en d’abord un autre.

# Reasons for which a second factor is refused.
security_refused_wrong = Ce code est incorrect ou a déjà été utilisé.
security_refused_wait =
    { $seconds ->
        [one] Trop de tentatives échouées. Réessayez dans { $seconds } seconde.
       *[other] Trop de tentatives échouées. Réessayez dans { $seconds } secondes.
    }
security_refused_passkey = La clé d’accès n’a pas été acceptée. Réessayez.
security_refused_stale = Cette page est restée ouverte trop longtemps ou a déjà été utilisée. Réessayez.
security_refused_already = C’est déjà configuré.

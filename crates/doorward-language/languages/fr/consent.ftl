# Consent, confirmation of calls, and connecting to upstreams.
consent_title = Autoriser { $client } à agir en votre nom ?
consent_question = Autoriser <strong><bdi>{ $client }</bdi></strong> à agir en votre nom ?
consent_by_administrator = ajouté par votre administrateur
consent_published = publié par { $host }
consent_published_by = publié par { $vendor } sur { $host }
consent_unverified = non vérifié
consent_unverified_explained = L’application a choisi ce nom elle-même ; il n’a pas été vérifié.
consent_destination = Si vous autorisez, l’accès est transmis à
consent_localhost = <strong>Cette application s’exécute sur votre propre ordinateur.</strong> Tout programme qui s’y trouve peut se faire passer pour elle. Ne continuez que si vous venez de lancer la connexion vous-même.
consent_scopes = L’application pourra
consent_allowed_before = déjà autorisé
consent_locked = Non inclus, car un second facteur est exigé : { $scopes }.
consent_verify_now = Vérifier maintenant
consent_beyond = Non inclus, car vos rôles ne le permettent pas : { $scopes }.
consent_resource = Serveur
consent_as = Compte
consent_switch = utiliser un autre compte
consent_deny = Refuser
consent_allow = Autoriser
consent_revocable = Vous pouvez révoquer cet accès à tout moment sur <a href="{ $url }">la page de votre compte</a>.

# Confirmation of a call.
consent_call_title = Confirmer un appel d’outil
consent_call_code_title = Votre code de confirmation
consent_call_question = Autoriser <strong><bdi>{ $client }</bdi></strong> à faire ceci ?
consent_call_code = Donnez ce code à l’application. Il ne fonctionne qu’une fois, pour cet appel uniquement, et expire dix minutes après la demande de l’application.
consent_call_explained = L’application veut appeler un outil qui peut modifier quelque chose en votre nom :
consent_call_tool = Outil
consent_call_arguments = Arguments
consent_call_no = Non
consent_call_yes = Oui, afficher le code

# Connecting to an upstream.
consent_connect_title = Connecter { $service }
consent_connect_question = Connecter <strong><bdi>{ $service }</bdi></strong> ?
consent_connect_again_question = Reconnecter <strong><bdi>{ $service }</bdi></strong> ?
consent_connect_effect = Les applications qui agissent ici en votre nom pourront alors utiliser <strong><bdi>{ $service }</bdi></strong> avec votre propre compte, dans les limites de ce que vous leur avez accordé.
consent_connect_host = Vous vous connectez et décidez sur
consent_connect_no_scopes = Le service détermine les accès qu’il demande.
consent_connect_scopes = Scopes demandés :
consent_connect_new_scopes = Demandés en plus maintenant :
consent_connect_new_scopes_warning = Le service ne le demandait pas lors de la première connexion. Ne continuez que si vous vous y attendiez.
consent_connect_for = Compte
consent_connect_account = { $user }, le compte avec lequel vous êtes connecté ici. Ne connectez qu’un compte qui vous appartient.
consent_connect_not_now = Pas maintenant
consent_connect_go = Aller sur { $host }
consent_connect_stored = L’accès est conservé chiffré. Ni l’application ni son modèle ne le voient. Vous pouvez y mettre fin à tout moment sur <a href="{ $url }">la page de votre compte</a>.
consent_connected_title = { $service } est connecté
consent_connected = <strong><bdi>{ $service }</bdi></strong> est connecté
consent_connected_explained = Vous pouvez fermer cette page et revenir à votre application. Si elle attend, demandez-lui de continuer.
consent_external = Cet accès concerne <strong>{ $name }</strong> à <code>{ $url }</code>, un serveur extérieur à { $product }. L’application ne peut l’utiliser que là.
consent_toolset = Cet accès vaut uniquement pour l’ensemble d’outils <strong>{ $name }</strong>. L’application ne voit et n’utilise rien d’autre.
consent_your_computer = Votre ordinateur
consent_services =
    { $count ->
        [one] { $count } service
       *[other] { $count } services
    }
consent_tools_read =
    { $count ->
        [one] { $count } outil de consultation
       *[other] { $count } outils de consultation
    }
consent_tools_write =
    { $count ->
        [one] { $count } outil de modification
       *[other] { $count } outils de modification
    }
consent_tools_destructive =
    { $count ->
        [one] { $count } outil qui peut supprimer ou écraser
       *[other] { $count } outils qui peuvent supprimer ou écraser
    }

# Connection attempts: steps, verdicts, reasons with advice, and known behaviour of clients.
timeline_challenged = A demandé un jeton
timeline_resource_metadata = A lu les métadonnées de la ressource
timeline_server_metadata = A lu les métadonnées du serveur d’autorisation
timeline_registered = S’est enregistré
timeline_document = Son document de métadonnées a été récupéré
timeline_device = A demandé un code pour un appareil
timeline_authorize = A envoyé un navigateur pour l’autorisation
timeline_signed_in = L’utilisateur s’est connecté
timeline_asked = Le consentement de l’utilisateur a été demandé
timeline_answered = L’utilisateur a décidé
timeline_token = A échangé le code
timeline_refresh = A renouvelé le jeton
timeline_assertion = A présenté un jeton signé d’un autre émetteur
timeline_exchange = A échangé un jeton
timeline_called = A présenté le jeton
timeline_revoke = A demandé la révocation d’un jeton
timeline_introspect = A interrogé un jeton
timeline_standing_connected = connecté
timeline_standing_under_way = en cours
timeline_standing_refused = refusé
timeline_standing_stopped = interrompu
timeline_connected = Le client est connecté.
timeline_nothing = Il ne s’est rien passé.

# Where an attempt stopped by itself.
timeline_no_call = Le client a son jeton et n’a jamais rien appelé.
timeline_no_call_advice = Il a peut-être échoué sur la réponse, ou l’utilisateur l’a fermé. Le journal du client en dit plus.
timeline_no_token = Le client n’a jamais échangé son code.
timeline_no_token_advice = Le navigateur a été redirigé vers l’URI de redirection. Soit plus rien n’y écoute, soit le client a refusé la réponse : il compare state et iss aux valeurs attendues. Derrière un proxy, vérifiez que l’URL publique est celle que le client utilise.
timeline_no_answer = L’utilisateur n’a pas décidé.
timeline_no_answer_advice = Cherchez la fenêtre du navigateur avec la page de consentement, ou recommencez dans le client.
timeline_no_sign_in = L’utilisateur ne s’est pas connecté.
timeline_no_sign_in_advice = Cherchez la fenêtre du navigateur avec la page de connexion, ou recommencez dans le client.
timeline_not_continued = L’utilisateur s’est connecté et n’a pas continué.
timeline_start_again = Recommencez dans le client.
timeline_no_authorize = Le client s’est enregistré et n’a jamais envoyé de navigateur.
timeline_no_authorize_advice = Il attend peut-être que l’utilisateur choisisse Connecter ou Se connecter, ou n’a pas pu ouvrir de navigateur.
timeline_only_metadata = Le client a lu où demander un jeton et s’est arrêté.
timeline_only_metadata_advice = Il est peut-être incapable de s’enregistrer : certains clients exigent un client_id configuré. Vérifiez que l’émetteur indiqué dans les métadonnées est l’URL que le client utilise.
timeline_only_challenged = Un jeton a été exigé du client, qui n’a pas cherché où en demander un.
timeline_only_challenged_advice = Il ne prend peut-être pas en charge la découverte OAuth. Utilisez un jeton d’accès personnel sur l’URL /mcp-key, ou mcp-remote comme intermédiaire.
timeline_only_aside = Le client a révoqué ou interrogé un jeton, et n’a rien fait d’autre.
timeline_only_aside_advice = Il n’a pas commencé à se connecter : relancez-le.

# Known behaviour of clients.
timeline_quirk_mcp_remote_unknown = mcp-remote conserve son enregistrement dans ~/.mcp-auth : supprimez le dossier et relancez-le.
timeline_quirk_mcp_remote_reused = Plusieurs programmes sur une même machine partagent ~/.mcp-auth et renouvellent le même jeton : donnez à chacun son propre dossier avec MCP_REMOTE_CONFIG_DIR.
timeline_quirk_cursor_token = Cursor ignore un en-tête Authorization configuré lorsque le serveur propose OAuth : utilisez l’URL /mcp-key avec un jeton d’accès personnel.
timeline_quirk_cursor_link = Cursor a besoin de son gestionnaire de liens cursor:// : le navigateur doit être autorisé à l’ouvrir.
timeline_quirk_claude_unknown = Claude conserve le client_id d’un connecteur : retirez le connecteur et ajoutez-le à nouveau.
timeline_quirk_claude_code_port = Claude Code attend la réponse sur un port local : via SSH, redirigez le port de l’URI de redirection ou collez l’URL du navigateur.
timeline_quirk_chatgpt_public = ChatGPT n’atteint que les URL https publiques : l’URL publique doit être accessible depuis Internet.
timeline_quirk_vscode_unknown = VS Code conserve les enregistrements : exécutez « Authentication: Remove Dynamic Authentication Providers » et reconnectez.
timeline_quirk_codex_document = codex mcp login --oauth-client-registration dcr enregistre sans document de métadonnées.
timeline_quirk_open_webui = Open WebUI a besoin de WEBUI_SECRET_KEY, et « Register Client » doit être choisi avant que les utilisateurs se connectent.
timeline_quirk_gemini = Dans Gemini CLI, httpUrl (et non url) signifie Streamable HTTP ; /mcp auth NAME lance la connexion.

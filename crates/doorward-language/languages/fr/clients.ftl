# "Connect a client": instructions for each client. Names of menus are the clients' own.
clients_one_url = Chaque client n’a besoin que de cette URL. Il découvre comment se connecter, et vous autorisez son accès une fois.
clients_with_token = Plutôt avec un jeton d’accès personnel
clients_with_token_explained = Pour les environnements sans navigateur. Créez un jeton sous <a href="{ $page }">Jetons d’accès personnels</a>. Utilisez l’URL <code>{ $url }</code> : sur l’autre, certains clients ignorent un jeton configuré.
clients_claude = Claude (claude.ai et Claude Desktop)
clients_claude_steps = Customize › Connectors › Add custom connector. Name : { $server }. URL : { $url }. Puis Connect, et connectez-vous ici. Pour un serveur qui n’est pas accessible depuis Internet, utilisez mcp-remote dans claude_desktop_config.json :
clients_claude_code_steps = Exécutez la commande, puis /mcp dans Claude Code pour vous connecter.
clients_project_file = .mcp.json, pour toutes les personnes d’un projet
clients_chatgpt_steps = Settings › Apps › Advanced › activez Developer mode, puis Create app. MCP server URL : { $url }. Authentication : OAuth. ChatGPT n’atteint que les URL https publiques.
clients_vscode_steps = Cliquez sur le lien, ajoutez ceci à .vscode/mcp.json ou exécutez « MCP: Add Server ». VS Code ouvre la page de connexion.
clients_vscode_install = Installer dans VS Code
clients_cursor_steps = Cliquez sur le lien, ou ajoutez ceci à ~/.cursor/mcp.json et redémarrez Cursor. Settings › MCP affiche « Needs login ».
clients_cursor_install = Installer dans Cursor
clients_codex_steps = Exécutez les deux commandes. Si ce serveur n’est pas accessible depuis Internet, ajoutez --oauth-client-registration dcr à la seconde.
clients_gemini_steps = Exécutez la commande, puis /mcp auth { $name } dans Gemini CLI.
clients_windsurf_steps = Ajoutez ceci à la configuration et actualisez la liste des serveurs.
clients_zed_steps = Ajoutez ceci à settings.json. Zed vous demande ensuite de vous connecter.
clients_goose_steps = goose configure › Add Extension › Remote Extension (Streamable HTTP), ou dans la configuration :
clients_opencode_steps = Exécutez la commande, puis opencode mcp auth { $name }.
clients_librechat_steps = L’exploitant de LibreChat ajoute ceci à librechat.yaml. Chaque utilisateur se connecte ensuite ici.
clients_open_webui_steps = Version 0.6.31 ou plus récente, en tant qu’administrateur : Settings › Admin › Integrations › +. Type : MCP (Streamable HTTP). URL : { $url }. Auth : OAuth 2.1, puis Register Client. WEBUI_SECRET_KEY doit être défini.
clients_stdio = Clients qui exécutent une commande (stdio)
clients_stdio_steps = mcp-remote relie un client sans OAuth à ce serveur.
clients_terminal = Terminal
clients_command = Commande

# "Connect a client": instructions for each client. Names of menus are the clients' own.
clients_one_url = Jeder Client braucht nur diese URL. Die Anmeldung ermittelt er selbst, und Sie erlauben den Zugriff einmal.
clients_with_token = Stattdessen mit einem persönlichen Zugriffstoken
clients_with_token_explained = Für Umgebungen ohne Browser. Erstellen Sie unter <a href="{ $page }">Persönliche Zugriffstoken</a> ein Token. Verwenden Sie die URL <code>{ $url }</code>: An der anderen ignorieren manche Clients ein eingetragenes Token.
clients_claude = Claude (claude.ai und Claude Desktop)
clients_claude_steps = Customize › Connectors › Add custom connector. Name: { $server }. URL: { $url }. Dann Connect, und hier anmelden. Für einen Server, der nicht aus dem Internet erreichbar ist, verwenden Sie mcp-remote in claude_desktop_config.json:
clients_claude_code_steps = Führen Sie den Befehl aus, danach /mcp in Claude Code, um sich anzumelden.
clients_project_file = .mcp.json, für alle in einem Projekt
clients_chatgpt_steps = Settings › Apps › Advanced › Developer mode einschalten, dann Create app. MCP server URL: { $url }. Authentication: OAuth. ChatGPT erreicht nur öffentliche https-URLs.
clients_vscode_steps = Klicken Sie auf den Link, tragen Sie dies in .vscode/mcp.json ein, oder führen Sie „MCP: Add Server“ aus. VS Code öffnet die Anmeldeseite.
clients_vscode_install = In VS Code installieren
clients_cursor_steps = Klicken Sie auf den Link, oder tragen Sie dies in ~/.cursor/mcp.json ein und starten Sie Cursor neu. Settings › MCP zeigt „Needs login“.
clients_cursor_install = In Cursor installieren
clients_codex_steps = Führen Sie beide Befehle aus. Ist dieser Server nicht aus dem Internet erreichbar, ergänzen Sie den zweiten um --oauth-client-registration dcr.
clients_gemini_steps = Führen Sie den Befehl aus, danach /mcp auth { $name } in Gemini CLI.
clients_windsurf_steps = Tragen Sie dies in die Konfiguration ein und aktualisieren Sie die Liste der Server.
clients_zed_steps = Tragen Sie dies in settings.json ein. Zed fordert Sie dann auf, sich anzumelden.
clients_goose_steps = goose configure › Add Extension › Remote Extension (Streamable HTTP), oder in der Konfiguration:
clients_opencode_steps = Führen Sie den Befehl aus, danach opencode mcp auth { $name }.
clients_librechat_steps = Der Betreiber von LibreChat trägt dies in librechat.yaml ein. Jeder Benutzer meldet sich dann hier an.
clients_open_webui_steps = Version 0.6.31 oder neuer, als Administrator: Settings › Admin › Integrations › +. Type: MCP (Streamable HTTP). URL: { $url }. Auth: OAuth 2.1, dann Register Client. WEBUI_SECRET_KEY muss gesetzt sein.
clients_stdio = Clients, die einen Befehl ausführen (stdio)
clients_stdio_steps = mcp-remote verbindet einen Client ohne OAuth mit diesem Server.
clients_terminal = Terminal
clients_command = Befehl

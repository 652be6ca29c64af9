# "Connect a client": instructions for each client. Names of menus are the clients' own.
clients_one_url = Every client needs only this URL. It discovers how to sign in, and you allow its access once.
clients_with_token = With a personal access token instead
clients_with_token_explained = For environments without a browser. Create a token under <a href="{ $page }">Personal access tokens</a>. Use the URL <code>{ $url }</code>: at the other one, some clients ignore a configured token.
clients_claude = Claude (claude.ai and Claude Desktop)
clients_claude_steps = Customize › Connectors › Add custom connector. Name: { $server }. URL: { $url }. Then Connect, and sign in here. For a server that is not reachable from the internet, use mcp-remote in claude_desktop_config.json:
clients_claude_code_steps = Run the command, then /mcp in Claude Code to sign in.
clients_project_file = .mcp.json, for all members of a project
clients_chatgpt_steps = Settings › Apps › Advanced › Developer mode on, then Create app. MCP server URL: { $url }. Authentication: OAuth. ChatGPT reaches public https URLs only.
clients_vscode_steps = Click the link, add this to .vscode/mcp.json, or run “MCP: Add Server”. VS Code opens the sign-in page.
clients_vscode_install = Install in VS Code
clients_cursor_steps = Click the link, or add this to ~/.cursor/mcp.json and restart Cursor. Settings › MCP shows “Needs login”.
clients_cursor_install = Install in Cursor
clients_codex_steps = Run both commands. If this server is not reachable from the internet, add --oauth-client-registration dcr to the second one.
clients_gemini_steps = Run the command, then /mcp auth { $name } in Gemini CLI.
clients_windsurf_steps = Add this to the configuration and refresh the list of servers.
clients_zed_steps = Add this to settings.json. Zed then asks you to sign in.
clients_goose_steps = goose configure › Add Extension › Remote Extension (Streamable HTTP), or in the configuration:
clients_opencode_steps = Run the command, then opencode mcp auth { $name }.
clients_librechat_steps = The operator of LibreChat adds this to librechat.yaml. Each user then signs in here.
clients_open_webui_steps = Version 0.6.31 or newer, as its administrator: Settings › Admin › Integrations › +. Type: MCP (Streamable HTTP). URL: { $url }. Auth: OAuth 2.1, then Register Client. WEBUI_SECRET_KEY must be set.
clients_stdio = Clients that run a command (stdio)
clients_stdio_steps = mcp-remote connects a client without OAuth to this server.
clients_terminal = Terminal
clients_command = Command

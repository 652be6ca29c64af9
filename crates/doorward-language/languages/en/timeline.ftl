# Connection attempts: steps, verdicts, reasons with advice, and known behaviour of clients.
timeline_challenged = Requested a token
timeline_resource_metadata = Read the metadata of the resource
timeline_server_metadata = Read the metadata of the authorization server
timeline_registered = Registered
timeline_document = Its metadata document was fetched
timeline_device = Asked for a code for a device
timeline_authorize = Sent a browser to authorize
timeline_signed_in = The user signed in
timeline_asked = The user was asked for consent
timeline_answered = The user decided
timeline_token = Redeemed the code
timeline_refresh = Refreshed the token
timeline_assertion = Presented a signed token of another issuer
timeline_exchange = Exchanged a token
timeline_called = Presented the token
timeline_revoke = Asked to revoke a token
timeline_introspect = Asked about a token
timeline_standing_connected = connected
timeline_standing_under_way = in progress
timeline_standing_refused = refused
timeline_standing_stopped = stopped
timeline_connected = The client is connected.
timeline_nothing = Nothing happened.

# Where an attempt stopped by itself.
timeline_no_call = The client has its token and never called.
timeline_no_call_advice = It may have failed on the response, or the user closed it. The log of the client has more information.
timeline_no_token = The client never redeemed its code.
timeline_no_token_advice = The browser was redirected to the redirect URI. Either nothing listens there any more, or the client refused the response: it compares state and iss with the expected values. Behind a proxy, check that the public URL is the URL that the client uses.
timeline_no_answer = The user did not decide.
timeline_no_answer_advice = Look for the browser window with the consent page, or start again in the client.
timeline_no_sign_in = The user did not sign in.
timeline_no_sign_in_advice = Look for the browser window with the sign-in page, or start again in the client.
timeline_not_continued = The user signed in and did not continue.
timeline_start_again = Start again in the client.
timeline_no_authorize = The client registered and never sent a browser.
timeline_no_authorize_advice = It may wait for the user to select Connect or Sign in, or could not open a browser.
timeline_only_metadata = The client read where to request a token and stopped.
timeline_only_metadata_advice = It may be unable to register: some clients require a configured client_id. Check that the issuer in the metadata is the URL that the client uses.
timeline_only_challenged = The client was asked for a token and did not look up where to request one.
timeline_only_challenged_advice = It may not support OAuth discovery. Use a personal access token at the URL /mcp-key, or mcp-remote in between.
timeline_only_aside = The client revoked a token or asked about one, and did nothing else.
timeline_only_aside_advice = It has not started to connect: start it again.

# Known behaviour of clients.
timeline_quirk_mcp_remote_unknown = mcp-remote keeps its registration in ~/.mcp-auth: delete the folder and start it again.
timeline_quirk_mcp_remote_reused = Several programs on one machine share ~/.mcp-auth and refresh the same token: give each a folder of its own with MCP_REMOTE_CONFIG_DIR.
timeline_quirk_cursor_token = Cursor ignores a configured Authorization header where the server offers OAuth: use the URL /mcp-key with a personal access token.
timeline_quirk_cursor_link = Cursor needs its cursor:// link handler: the browser must be allowed to open it.
timeline_quirk_claude_unknown = Claude keeps the client_id of a connector: remove the connector and add it again.
timeline_quirk_claude_code_port = Claude Code listens on a local port for the response: over SSH, forward the port of the redirect URI or paste the URL from the browser.
timeline_quirk_chatgpt_public = ChatGPT reaches public https URLs only: the public URL must be reachable from the internet.
timeline_quirk_vscode_unknown = VS Code keeps registrations: run "Authentication: Remove Dynamic Authentication Providers" and connect again.
timeline_quirk_codex_document = codex mcp login --oauth-client-registration dcr registers without a metadata document.
timeline_quirk_open_webui = Open WebUI needs WEBUI_SECRET_KEY, and "Register Client" must be selected before users connect.
timeline_quirk_gemini = In Gemini CLI, httpUrl (not url) means Streamable HTTP; /mcp auth NAME starts the sign-in.

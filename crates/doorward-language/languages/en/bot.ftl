# What the bot writes in a chat. The chat renders Markdown: text between backticks is code.
bot_help = I call tools for you, with your own rights:
bot_help_tools = `tools` lists the tools that you may call, `tools WORD` those with a word in their name
bot_help_call = `call NAME key=value …` calls one; write a value with spaces as `key="two words"`
bot_help_connect = `connect` shows the services that you have not connected yet
bot_help_whoami = `whoami` tells as whom you act here
bot_help_ask = anything else is a question, which I answer with the tools that you may use
bot_unknown = I do not know this command.
bot_unavailable = Sorry, this is not possible at the moment. Try again in a few minutes.
bot_busy = Too many of your messages are under way. Wait for the answers.
bot_working = Working on it …
bot_interrupted = Sorry, I was interrupted before I could answer this. I do not know if it was done; please look, and ask again if it was not.
bot_answered_directly = I answered you by a direct message.
bot_unlinked = I do not know yet as whom you act. Open { $link } within { $minutes } minutes and confirm that this Mattermost account is yours; then repeat your message.
bot_denied = Sorry, you may not use this bot. It needs the permission `mattermost:access`; ask an administrator for it.
bot_off = Tools are switched off here at the moment.
bot_whoami = You act as { $user }, roles: { $roles }, scopes: { $scopes }.
bot_whoami_without_roles = You act as { $user }, roles: none, scopes: { $scopes }.
bot_all_connected = Everything is connected.
bot_not_connected = Not connected yet: { $services }
bot_tools_none = No tool that you may call has these words in its name.
bot_tools_more = { $count } more are not shown; `tools WORD` shows those with a word.
bot_tool_reads = { $name }: { $title }
bot_tool_changes = { $name }: { $title } (changes something)
bot_tool_removes = { $name }: { $title } (removes or overwrites)
bot_call_name = Write `call NAME key=value …`; `tools` lists the names.
bot_arguments_json = The arguments begin like JSON and are no object of JSON.
bot_arguments_pairs = Write each argument as `key=value`, a value with spaces as `key="two words"`.
bot_arguments_twice = An argument occurs twice.
bot_arguments_many = At most { $most } arguments are read.
bot_arguments_quote = A quotation mark is not closed.
bot_argument_list = The argument { $argument } must be a JSON array, or values between commas.
bot_argument_whole = The argument { $argument } must be a whole number.
bot_argument_number = The argument { $argument } must be a number.
bot_argument_bool = The argument { $argument } must be true or false.
bot_argument_json = The argument { $argument } must be JSON.
bot_cut =
    { $count ->
        [one] ({ $count } more character is not shown.)
       *[other] ({ $count } more characters are not shown.)
    }
bot_empty_result = (The result is empty.)
bot_empty_answer = (The answer is empty.)
bot_source = source
bot_question = This call was not made yet. Do you want it with exactly these arguments?
bot_agent_question = To go on, the agent wants to make this call. It was not made yet. Do you want it with exactly these arguments?
bot_must_confirm = This call must be confirmed.
bot_do_it = Do it
bot_do_not = Do not
bot_press_other = Only the user who made this call can answer.
bot_press_expired = This question has expired. Make the call again.
bot_press_again = This question was answered already.
bot_confirmed = { $tool } was confirmed.
bot_declined = { $tool } was declined and not called.
bot_agent_confirmed = I confirmed the call of { $tool }. Go on.
bot_agent_disabled = Sorry, the agent is disabled here.
bot_agent_question_length = Sorry, the question is empty or too long.
bot_agent_busy =
    { $seconds ->
        [one] Sorry, no answer can be prepared now. Try again in { $seconds } second.
       *[other] Sorry, no answer can be prepared now. Try again in { $seconds } seconds.
    }
bot_agent_spent = Sorry, you used all of the model’s tokens that you may use on one day. They are there again at midnight (UTC).
bot_agent_late =
    { $seconds ->
        [one] Sorry, there was no answer within { $seconds } second.
       *[other] Sorry, there was no answer within { $seconds } seconds.
    }
bot_agent_endless =
    { $rounds ->
        [one] Sorry, the model came to no answer within { $rounds } round.
       *[other] Sorry, the model came to no answer within { $rounds } rounds.
    }
bot_agent_no_pass = Sorry, the agent cannot be asked here. Ask in an MCP client.
bot_agent_model = Sorry, the model’s endpoint cannot be used at the moment. Try again later.

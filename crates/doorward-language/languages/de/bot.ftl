# Texte, die der Bot in einem Chat schreibt. Der Chat stellt Markdown dar: Text zwischen Gravis-Zeichen ist Code.
bot_help = Ich rufe Tools für Sie auf, mit Ihren eigenen Rechten:
bot_help_tools = `tools` listet die Tools auf, die Sie aufrufen dürfen, `tools WORT` die mit einem Wort im Namen
bot_help_call = `call NAME name=wert …` ruft eines auf; einen Wert mit Leerzeichen schreiben Sie als `name="zwei Wörter"`
bot_help_connect = `connect` zeigt die Dienste, die Sie noch nicht verbunden haben
bot_help_whoami = `whoami` zeigt, als wer Sie hier handeln
bot_help_ask = alles andere ist eine Frage, die ich mit den Tools beantworte, die Sie verwenden dürfen
bot_unknown = Diesen Befehl kenne ich nicht.
bot_unavailable = Das ist im Moment leider nicht möglich. Versuchen Sie es in einigen Minuten noch einmal.
bot_busy = Zu viele Ihrer Nachrichten sind noch in Arbeit. Warten Sie auf die Antworten.
bot_working = In Arbeit …
bot_interrupted = Ich wurde unterbrochen, bevor ich antworten konnte. Ob es ausgeführt wurde, weiß ich nicht; bitte sehen Sie nach, und fragen Sie andernfalls noch einmal.
bot_answered_directly = Ich habe Ihnen in einer Direktnachricht geantwortet.
bot_unlinked = Ich weiß noch nicht, als wer Sie handeln. Öffnen Sie { $link } innerhalb von { $minutes } Minuten und bestätigen Sie, dass dieses Mattermost-Konto Ihnen gehört; wiederholen Sie dann Ihre Nachricht.
bot_denied = Sie dürfen diesen Bot leider nicht verwenden. Dazu ist die Berechtigung `mattermost:access` nötig; bitten Sie einen Administrator darum.
bot_off = Tools sind hier im Moment ausgeschaltet.
bot_whoami = Sie handeln als { $user }, Rollen: { $roles }, Scopes: { $scopes }.
bot_whoami_without_roles = Sie handeln als { $user }, Rollen: keine, Scopes: { $scopes }.
bot_all_connected = Alles ist verbunden.
bot_not_connected = Noch nicht verbunden: { $services }
bot_tools_none = Kein Tool, das Sie aufrufen dürfen, hat diese Wörter im Namen.
bot_tools_more = { $count } weitere werden nicht angezeigt; `tools WORT` zeigt die mit einem Wort.
bot_tool_reads = { $name }: { $title }
bot_tool_changes = { $name }: { $title } (ändert etwas)
bot_tool_removes = { $name }: { $title } (entfernt oder überschreibt)
bot_call_name = Schreiben Sie `call NAME name=wert …`; `tools` listet die Namen auf.
bot_arguments_json = Die Argumente beginnen wie JSON und sind kein JSON-Objekt.
bot_arguments_pairs = Schreiben Sie jedes Argument als `name=wert`, einen Wert mit Leerzeichen als `name="zwei Wörter"`.
bot_arguments_twice = Ein Argument kommt zweimal vor.
bot_arguments_many = Höchstens { $most } Argumente werden gelesen.
bot_arguments_quote = Ein Anführungszeichen ist nicht geschlossen.
bot_argument_list = Das Argument { $argument } muss eine JSON-Liste sein oder aus Werten zwischen Kommas bestehen.
bot_argument_whole = Das Argument { $argument } muss eine ganze Zahl sein.
bot_argument_number = Das Argument { $argument } muss eine Zahl sein.
bot_argument_bool = Das Argument { $argument } muss true oder false sein.
bot_argument_json = Das Argument { $argument } muss JSON sein.
bot_cut =
    { $count ->
        [one] ({ $count } weiteres Zeichen wird nicht angezeigt.)
       *[other] ({ $count } weitere Zeichen werden nicht angezeigt.)
    }
bot_empty_result = (Das Ergebnis ist leer.)
bot_empty_answer = (Die Antwort ist leer.)
bot_source = Quelle
bot_question = Dieser Aufruf wurde noch nicht ausgeführt. Möchten Sie ihn mit genau diesen Argumenten?
bot_agent_question = Um fortzufahren, möchte der Agent diesen Aufruf ausführen. Er wurde noch nicht ausgeführt. Möchten Sie ihn mit genau diesen Argumenten?
bot_must_confirm = Dieser Aufruf muss bestätigt werden.
bot_do_it = Ausführen
bot_do_not = Nicht ausführen
bot_press_other = Nur der Benutzer, von dem dieser Aufruf stammt, kann antworten.
bot_press_expired = Diese Frage ist abgelaufen. Wiederholen Sie den Aufruf.
bot_press_again = Diese Frage wurde bereits beantwortet.
bot_confirmed = { $tool } wurde bestätigt.
bot_declined = { $tool } wurde abgelehnt und nicht aufgerufen.
bot_agent_confirmed = Ich habe den Aufruf von { $tool } bestätigt. Fahre fort.
bot_agent_disabled = Der Agent ist hier leider deaktiviert.
bot_agent_question_length = Die Frage ist leider leer oder zu lang.
bot_agent_busy =
    { $seconds ->
        [one] Im Moment kann leider keine Antwort vorbereitet werden. Versuchen Sie es in { $seconds } Sekunde noch einmal.
       *[other] Im Moment kann leider keine Antwort vorbereitet werden. Versuchen Sie es in { $seconds } Sekunden noch einmal.
    }
bot_agent_spent = Sie haben alle Tokens des Modells verbraucht, die Sie an einem Tag verwenden dürfen. Um Mitternacht (UTC) stehen sie wieder zur Verfügung.
bot_agent_late =
    { $seconds ->
        [one] Innerhalb von { $seconds } Sekunde gab es leider keine Antwort.
       *[other] Innerhalb von { $seconds } Sekunden gab es leider keine Antwort.
    }
bot_agent_endless =
    { $rounds ->
        [one] Das Modell kam leider in { $rounds } Runde zu keiner Antwort.
       *[other] Das Modell kam leider in { $rounds } Runden zu keiner Antwort.
    }
bot_agent_no_pass = Der Agent kann hier leider nicht gefragt werden. Fragen Sie in einem MCP-Client.
bot_agent_model = Der Endpunkt des Modells ist im Moment leider nicht verwendbar. Versuchen Sie es später noch einmal.

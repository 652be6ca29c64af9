# Die Benutzer, die etwas verwenden dürfen oder eine Rolle haben.
who_title = Wer hat Zugriff?
who_explained = Wählen Sie eine Art und nennen Sie das Tool, den Upstream oder die Rolle: Die Liste zeigt die Benutzer mit Zugriff, jeweils mit der entscheidenden Regel und den Rollen.
who_none = Kein Benutzer hat Zugriff.
who_kind = Art
who_item = Name
who_tool = Tool
who_upstream = Upstream
who_prompt = Prompt
who_resource = Ressource
who_template = Ressourcenvorlage
who_answer = Antwort
who_reason = Grund
who_roles = Rollen, die Regeln nennen

# Die Tools, die ein Benutzer verwenden darf.
who_tools_title = Was darf ein Benutzer?
who_tools_user = Benutzer
who_tools_client = Client
who_tools_upstream = Upstream
who_tools_search = Tools suchen
who_tools_none = Kein Tool passt.
who_tools_none_yet = Keines der bisher geprüften Tools passt. Suchen Sie unter den übrigen weiter.
who_tools_explained = Geben Sie die ID oder den Anmeldenamen eines Benutzers ein: Die Liste zeigt jedes Tool mit der Antwort für diesen Benutzer und dem Grund.
who_tools_button = Was darf { $user }?
who_tools_about = Jedes Tool jedes Dienstes mit der Antwort für { $user } und dem Grund.
who_tools_built_in = eingebaut
who_tools_first = Erste Seite
who_tools_show = Tools anzeigen

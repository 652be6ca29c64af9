# Die Benutzer, die etwas verwenden dürfen oder eine Rolle haben.
who_title = Wer darf?
who_explained = Wählen Sie eine Art und nennen Sie das Werkzeug, den Upstream oder die Rolle: Die Liste zeigt die Benutzer, die es verwenden dürfen, mit der Regel und den Rollen, aus denen das folgt.
who_none = Kein Benutzer darf.
who_kind = Art
who_item = Name
who_tool = Werkzeug
who_upstream = Upstream
who_prompt = Prompt
who_resource = Ressource
who_template = Ressourcenvorlage
who_answer = Antwort
who_reason = Grund
who_roles = Rollen, die Regeln nennen

# Explanations of the policy.
policy_allow = erlaubt
policy_confirm = mit Bestätigung erlaubt
policy_deny = verweigert
policy_needs_approval = zu genehmigen
policy_not_offered = nicht angeboten
policy_yes = ja
policy_no = nein
policy_enabled = { $upstream } ist aktiviert: { $answer }
policy_offered = include und exclude von { $upstream } bieten { $tool } an: { $answer }
policy_definition = Status seiner Definition: { $state }
policy_setting = upstreams.{ $upstream }.{ $setting } ist aktiviert: { $answer }
policy_approval = Status von { $entry }: { $state }
policy_upstream_roles = upstreams.{ $upstream }.roles lassen diesen Benutzer zu: { $answer }
policy_client = Client: { $client } ({ $source })
policy_client_unknown = auf diesem Server unbekannt; Regeln benennen Clients nach ID
policy_client_registered = dynamisch registriert: Sein Name ist nicht geprüft
policy_class = Klasse: { $class }
policy_toolset_field = Werkzeugsammlung (leer: alle Werkzeuge)
policy_toolset = Die Werkzeugsammlung { $toolset } enthält es für diesen Benutzer: { $answer }
policy_roles = Rollen von { $user } ({ $id }): { $roles }
policy_no_roles = { $user } ({ $id }) hat keine Rollen
policy_tool_roles = access.tool_roles erlauben diesem Benutzer { $item }: { $answer }
policy_scope_roles = access.scope_roles erlauben diesem Benutzer den Scope { $scope }: { $answer }
policy_closed = eine Regel verweigert den gesamten Upstream: { $answer }
policy_rule = Richtlinie: { $effect } nach Regel { $number }: { $rule }
policy_default = Richtlinie: { $effect } nach policy.default, da keine Regel zutrifft
policy_token_scope = das Token des Clients benötigt den Scope { $scope }

# Die Seite der Richtlinie.
policy_rules_title = Regeln
policy_locked = in der Konfigurationsdatei festgelegt
policy_locked_explained = Die erste zutreffende Regel entscheidet. Ändern Sie die Regeln in der Konfigurationsdatei unter <code>[policy]</code>, und setzen Sie sie mit <code>doorward reload</code> in Kraft.
policy_number = Nr.
policy_effect = Wirkung
policy_rule_text = Regel
policy_hits = Aufrufe in 30 Tagen
policy_without_rule = Keine Regel trifft zu (policy.default)
policy_try = Andere Regeln ausprobieren
policy_try_explained = Zeigt, wie diese Regeln über die Aufrufe der letzten 30 Tage entschieden hätten. Nichts wird geändert.
policy_try_rules = Regeln, eine pro Zeile
policy_try_default = Wirkung, wenn keine Regel zutrifft
policy_try_button = Ausprobieren
policy_trial_calls =
    { $calls ->
        [one] { $calls } Aufruf wurde ausgewertet.
       *[other] { $calls } Aufrufe wurden ausgewertet.
    }
policy_trial_partial = Nur die neuesten Aufrufe wurden ausgewertet.
policy_trial_refused = Wären abgelehnt worden: { $calls } Aufrufe von { $users } Benutzern
policy_trial_confirmed = Hätten eine Bestätigung erfordert: { $calls } Aufrufe von { $users } Benutzern
policy_trial_opened = Wären nicht mehr abgelehnt worden: { $calls } Aufrufe von { $users } Benutzern
policy_first_decides = Die erste zutreffende Regel entscheidet.
policy_change = Regeln ändern
policy_change_explained = Ausprobieren zeigt, wie diese Regeln über die Aufrufe der letzten 30 Tage entschieden hätten. Speichern setzt sie auf allen Servern innerhalb einer Sekunde in Kraft.
policy_save = Speichern
policy_saved = Version { $version } wurde gespeichert und ist in Kraft.
policy_versions = Versionen
policy_version = Version { $version }
policy_versions_none = Es wurde noch keine Version gespeichert.
policy_saved_at = Gespeichert
policy_author = Gespeichert von
policy_in_effect = in Kraft
policy_restores = stellt Version { $version } wieder her
policy_compared = Verglichen mit den geltenden Regeln: + nur in dieser Version, − nur in den geltenden Regeln.
policy_roll_back = Diese Version wiederherstellen

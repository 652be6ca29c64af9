# Scopes as the consent page shows them.
scope_read = Informationen für Sie abrufen
scope_read_description = Ihre Identität sehen, die für Sie verfügbaren Tools auflisten und Tools aufrufen, die nur lesen.
scope_write = Änderungen für Sie vornehmen
scope_write_description = Tools aufrufen, die in Ihrem Namen etwas erstellen oder ändern.
scope_destructive = Für Sie löschen oder überschreiben
scope_destructive_description = Tools aufrufen, die in Ihrem Namen etwas löschen oder überschreiben können, und Tools, die ihre Wirkung nicht angeben.
scope_admin_read = Sehen, was Administratoren sehen
scope_admin_read_description = Alle Benutzer, Clients, Identitätsanbieter, Upstreams, persönlichen Zugriffstoken, Einstellungen und das Audit-Protokoll sehen, ohne etwas zu ändern.
scope_admin_upstreams = Upstreams für Sie verwalten
scope_admin_upstreams_description = Upstreams hinzufügen, testen und löschen und über ihre Tools entscheiden, für alle Benutzer.
scope_admin = Diesen Server für Sie verwalten
scope_admin_description = Alles tun, was ein Administrator kann: Passwörter festlegen, zweite Faktoren entfernen, Benutzer, Clients, Identitätsanbieter und Upstreams hinzufügen und löschen, persönliche Zugriffstoken erstellen, Signaturschlüssel rotieren, Einstellungen ändern und das Audit-Protokoll lesen.
scope_offline_access = Verbunden bleiben
scope_offline_access_description = Den Zugriff behalten, während Sie abwesend sind, bis Sie ihn widerrufen.
scope_at = { $scope } bei { $upstream }
scope_at_description = { $description } Nur bei { $upstream }.

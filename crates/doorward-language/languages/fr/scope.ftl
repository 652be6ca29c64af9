# Scopes as the consent page shows them.
scope_read = Consulter des informations pour vous
scope_read_description = Voir qui vous êtes, lister les outils que vous pouvez utiliser et appeler les outils qui ne font que lire.
scope_write = Effectuer des modifications pour vous
scope_write_description = Appeler des outils qui créent ou modifient quelque chose en votre nom.
scope_destructive = Supprimer ou écraser des éléments pour vous
scope_destructive_description = Appeler des outils qui peuvent supprimer ou écraser quelque chose en votre nom, et des outils qui ne déclarent pas ce qu’ils font.
scope_admin_read = Voir ce que voient les administrateurs
scope_admin_read_description = Voir tous les utilisateurs, clients, fournisseurs d’identité, serveurs amont, jetons d’accès personnels, réglages et le journal d’audit, sans rien modifier.
scope_admin_upstreams = Gérer les serveurs amont pour vous
scope_admin_upstreams_description = Ajouter, tester et supprimer des serveurs amont et décider de leurs outils, pour tous les utilisateurs.
scope_admin = Administrer ce serveur pour vous
scope_admin_description = Faire tout ce que peut faire un administrateur : définir des mots de passe, retirer des seconds facteurs, ajouter et supprimer des utilisateurs, clients, fournisseurs d’identité et serveurs amont, créer des jetons d’accès personnels, renouveler les clés de signature, modifier les réglages et lire le journal d’audit.
scope_offline_access = Rester connecté
scope_offline_access_description = Conserver l’accès en votre absence, jusqu’à ce que vous le révoquiez.
scope_at = { $scope } sur { $upstream }
scope_at_description = { $description } Uniquement sur { $upstream }.

# Importation d’utilisateurs depuis un tableau.
import_title = Importer des utilisateurs
import_table = Tableau
import_explained = Les utilisateurs qui n’existent pas encore sont ajoutés ; les autres reçoivent les valeurs des champs non vides et deviennent membres des groupes. Vous voyez d’abord ce qui se passerait ; une ligne qui ne peut pas être importée empêche l’importation de tout le tableau.
import_csv = Tableau au format CSV
import_hint = La première ligne nomme les colonnes : <code>{ $columns }</code>. Les rôles et les groupes sont séparés par des espaces. Les tableaux plus longs s’importent par commande ou par l’API.
import_provider = Les nouveaux utilisateurs se connectent avec
import_no_provider = Décider plus tard, utilisateur par utilisateur
import_look = Voir ce qui se passerait
import_plan = Aperçu
import_summary = { $added } ajoutés · { $changed } modifiés · { $same } inchangés · { $refused } impossibles
import_line = Ligne
import_effect = Effet
import_details = Détails
import_add = Ajouté
import_change = Modifié
import_same = Inchangé
import_refused = Impossible
import_button = Importer
import_done =
    { $count ->
        [one] { $count } utilisateur a été importé.
       *[other] { $count } utilisateurs ont été importés.
    }
import_link = Importer

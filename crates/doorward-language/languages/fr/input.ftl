# Faults of what a user typed or chose, as parts of a sentence.
input_name = un nom comporte de 1 à 64 lettres, chiffres, « . », « _ », « - » ou « @ »
input_name_taken = le nom { $name } est déjà utilisé
input_password_short = choisissez un mot de passe d’au moins { $length } caractères
input_password_long = un mot de passe comporte au plus { $length } octets
input_password_wrong = le mot de passe actuel est incorrect
input_wait =
    { $seconds ->
        [one] trop de tentatives échouées ; réessayez dans { $seconds } seconde
       *[other] trop de tentatives échouées ; réessayez dans { $seconds } secondes
    }
input_email = { $email } n’est pas une adresse e-mail
input_unknown_user = il n’existe pas d’utilisateur { $user }
input_last_administrator = { $user } est le dernier administrateur ; nommez d’abord un autre administrateur
input_role_named = { $role } : un rôle comporte de 1 à 32 lettres minuscules, chiffres, « _ » ou « - »
input_user_changed = l’utilisateur a été modifié depuis que vous avez ouvert cette page ; vérifiez l’état actuel et décidez à nouveau
input_link = le lien a déjà été utilisé ou a expiré
input_database = la base de données ne répond pas ; réessayez dans un instant
input_busy = trop de mots de passe sont en cours de vérification ; réessayez dans quelques secondes
input_token_name = un jeton doit avoir un nom d’au plus { $length } caractères
input_token_days = un jeton est valable de 1 à { $days } jours
input_token_scope = choisissez au moins une autorisation
input_token_too_much = { $scope } dépasse ce que ce compte peut accorder actuellement ; un second facteur est peut-être exigé
input_token_too_many = il existe déjà { $count } jetons ; révoquez-en d’abord
input_token_unknown = le jeton n’existe pas ou n’est pas actif
input_account_ended = l’accès par le fournisseur d’identité a pris fin ; connectez-vous d’abord auprès de lui
input_tokens_off = les jetons d’accès personnels sont désactivés sur ce serveur

# Faults of forms that no page sends.
input_form = le formulaire est incomplet ({ $field })
input_form_malformed = elle est mal formée ({ $detail })
input_day = { $day } n’est pas une date ; écrivez-la comme 2026-11-21
input_no_format = elle n’indique aucun format connu

# The page for the code of a device.
device_title = Connecter un appareil
device_enter = Saisissez le code que l’appareil affiche.
device_code = Code
device_question = Autoriser <strong><bdi>{ $client }</bdi></strong>, sur un autre appareil, à agir en votre nom ?
device_warning = <strong>Ne continuez que si vous avez lancé cette opération vous-même et si l’appareil devant vous affiche ce code.</strong> Si le code ou un lien vous a été envoyé, refusez : l’expéditeur obtiendrait l’accès à votre compte.
device_address = Adresse IP de l’appareil
device_program = Programme
device_since = Demandé
device_unknown = Ce code est inconnu ou a expiré. Vérifiez-le ou recommencez sur l’appareil.
device_wait = Trop de codes incorrects. Réessayez dans { $seconds } secondes.
device_decided = Cette demande a déjà été traitée ou a expiré.
device_allowed = { $client } a maintenant accès. Vous pouvez fermer cette page et continuer sur l’appareil.
device_denied = Vous avez refusé l’accès à l’appareil. Vous pouvez fermer cette page.

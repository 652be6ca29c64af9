# The page for the code of a device.
device_title = Connecter un appareil
device_enter = Saisissez le code que l’appareil affiche.
device_code = Code
device_question = <strong><bdi>{ $client }</bdi></strong>, sur un autre appareil, peut-il agir pour vous ?
device_warning = <strong>Continuez seulement si vous avez commencé ceci vous-même et si l’appareil devant vous affiche ce code.</strong> Si un autre utilisateur vous a envoyé le code ou un lien, refusez : il obtiendrait l’accès à votre compte.
device_address = Adresse IP de l’appareil
device_program = Programme
device_since = Demandé
device_unknown = Ce code est inconnu ou a expiré. Vérifiez-le, ou recommencez sur l’appareil.
device_wait = Trop de codes étaient faux. Réessayez dans { $seconds } secondes.
device_decided = Cette demande a déjà été décidée ou a expiré.
device_allowed = { $client } a maintenant accès. Vous pouvez fermer cette page et continuer sur l’appareil.
device_denied = L’appareil a été refusé. Vous pouvez fermer cette page.

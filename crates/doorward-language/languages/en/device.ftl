# The page for the code of a device.
device_title = Connect a device
device_enter = Enter the code that the device shows.
device_code = Code
device_question = May <strong><bdi>{ $client }</bdi></strong> on another device act for you?
device_warning = <strong>Continue only if you started this yourself, and the device in front of you shows this code.</strong> If the code or a link was sent to you, deny the request: the sender would get access to your account.
device_address = IP address of the device
device_program = Program
device_since = Requested
device_unknown = This code is unknown or has expired. Check it, or start again on the device.
device_wait = Too many wrong codes. Try again in { $seconds } seconds.
device_decided = This request was already decided or has expired.
device_allowed = { $client } now has access. You can close this page and continue on the device.
device_denied = You denied the device access. You can close this page.

# Accounts at chat servers that act for users: the page on which one is linked, and the lists.
chats_title = Link a chat account
chats_question = May the chat account <strong><bdi>{ $account }</bdi></strong> act as <strong>{ $user }</strong>?
chats_warning = <strong>Continue only if the chat account is yours and you asked the bot for this link yourself.</strong> If another user sent you the link, refuse: messages of that account would call tools with your rights.
chats_server = Chat server
chats_account = Chat account
chats_counts = Valid for
chats_days =
    { $days ->
        [one] { $days } day
       *[other] { $days } days
    }
chats_link = Link this account
chats_deny = Refuse
chats_done = The account is linked. Repeat your message in the chat.
chats_denied = The account was not linked. You can close this page.
chats_not_linked = The chat account was not linked
chats_over = The link was already used or has expired.
chats_linked = This chat account is already linked. End the existing link first.
chats_disabled = An administrator disabled the connector of this chat.
chats_write_again = Write to the bot in the chat again: it gives you another link.
chats_heading = Chat accounts
chats_unlink = End link
chats_unlink_of = End the link with { $account }
chats_admin = Chat accounts
chats_admin_none = No chat account is linked with a user.
chats_admin_explained = Each of these accounts calls tools with the rights of its user. A user whose link was ended can link the account again.
chats_admin_since = Linked

//! The conditions of writes: the reasons for which a unit of work can be refused.

macro_rules! conditions {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal;)*) => {
        /// The condition of a deciding write that did not hold. Each deciding
        /// [`doorward_model::Change`] has exactly one.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Condition {
            $($(#[doc = $doc])+ $name,)*
            /// The names of a new row are free; with the name of its write.
            Free(&'static str),
            /// One that no caller tells from others, with the name of its write: that a new row
            /// has a free key, or that the row exists.
            Row(&'static str),
        }

        impl Condition {
            /// The name of the write, in logs and metrics.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                    Self::Free(name) | Self::Row(name) => name,
                }
            }
        }
    };
}

conditions! {
    /// The name of a new user is free.
    InsertUser = "insert_user";
    /// The password is still the one that was verified.
    RehashPassword = "rehash_password";
    /// The new sign-in name is free and the user exists.
    RenameUser = "rename_user";
    /// The user of the provider roles that are collected exists.
    CollectProviderRoles = "collect_provider_roles";
    /// The identifier of a new client is free.
    InsertClient = "insert_client";
    /// The client has the registration token that was presented.
    PutRegistration = "put_registration";
    /// The pushed request is this client's, unused, and has not expired.
    UsePushed = "use_pushed_request";
    /// The deleted client exists.
    DeleteClient = "delete_client";
    /// The authorization code is unspent and has not expired.
    RedeemCode = "redeem_code";
    /// The grant is live.
    UseGrant = "use_grant";
    /// The refresh token is unused and has not expired.
    UseRefreshToken = "use_refresh_token";
    /// The session exists and belongs to the user.
    EndSessionOfUser = "end_session_of_user";
    /// The named value is unspent.
    SpendValue = "spend_value";
    /// The one-time link is unused and has not expired.
    RedeemLink = "redeem_link";
    /// The new setting does not exist.
    InsertSetting = "insert_setting";
    /// Another attempt to guess a secret is allowed now.
    CountAttempt = "count_attempt";
    /// The identity provider has the settings that were seen.
    UpdateProvider = "update_provider";
    /// The sign-in is awaited, in time, from this provider and in this browser.
    RedeemSignIn = "redeem_sign_in";
    /// The account at the provider is not linked yet.
    InsertIdentity = "insert_identity";
    /// The account at the provider is linked to the same user.
    UpdateIdentity = "update_identity";
    /// The account at the provider is still claimed by this check.
    KeepChecked = "keep_checked";
    /// The provider's token that was replaced is still the one that is kept.
    KeepCredential = "keep_credential";
    /// The unlinked account belongs to the user.
    DeleteIdentity = "delete_identity";
    /// No other process claimed the check of this account.
    ClaimIdentityCheck = "claim_identity_check";
    /// The invitation exists.
    RedeemInvitation = "redeem_invitation";
    /// The passkey is new.
    InsertPasskey = "insert_passkey";
    /// The used passkey exists.
    UsePasskey = "use_passkey";
    /// The deleted passkey belongs to the user.
    DeletePasskey = "delete_passkey";
    /// The user has no confirmed authenticator app.
    PutTotp = "put_totp";
    /// The authenticator app waits for its first code, and the code is a new one.
    ConfirmTotp = "confirm_totp";
    /// The authenticator app is confirmed, and the code is a new one.
    UseTotp = "use_totp";
    /// The recovery code exists.
    UseRecoveryCode = "use_recovery_code";
    /// The rotated token is live and belongs to the user.
    RotateAccessToken = "rotate_access_token";
    /// The revoked token exists, is not revoked, and belongs to the user if one is named.
    RevokeAccessToken = "revoke_access_token";
    /// No other poll of the device was noted meanwhile.
    PollDevice = "poll_device";
    /// The device authorization is undecided and has not expired.
    DecideDevice = "decide_device";
    /// The device authorization is allowed, unspent and has not expired.
    RedeemDevice = "redeem_device";
    /// No other version of these rules was saved meanwhile.
    InsertRuleVersion = "insert_rule_version";
    /// The user is not yet a member of the group.
    JoinGroup = "join_group";
    /// The user is a member of the group by an administrator's decision.
    LeaveGroup = "leave_group";
    /// The object still has the entity tag that was read.
    Expect = "expect";
    /// Another enabled administrator exists.
    ExpectOtherAdministrator = "expect_other_administrator";
    /// The upstream has the settings that were seen.
    UpdateUpstream = "update_upstream";
    /// The deleted upstream exists.
    DeleteUpstream = "delete_upstream";
    /// The replaced upstream is still the one that was seen, and names the same other server.
    ReplaceUpstream = "replace_upstream";
    /// No authorization server, or the same issuer, is pinned for this upstream.
    PinUpstream = "pin_upstream";
    /// The upstream that a user connected is still the same one.
    PutConnection = "put_connection";
    /// No other process tells the relying party of this end of a session.
    ClaimLogoutNotice = "claim_logout_notice";
    /// The account at the chat server has no link in force.
    LinkChat = "link_chat";
    /// The ended link of a chat exists and belongs to the user.
    UnlinkChat = "unlink_chat";
    /// No process took this post on before.
    ClaimPost = "claim_post";
    /// Nothing happened to the unanswered post since it was read.
    TakePost = "take_post";
    /// The user has tokens of the model left for this day.
    ReserveTokens = "reserve_tokens";
    /// No conversation of another user has this identifier.
    KeepConversation = "keep_conversation";
    /// The conversation was not deleted meanwhile.
    GoOnConversation = "go_on_conversation";
    /// The user has this conversation.
    ForgetConversation = "forget_conversation";
    /// No other process makes this revocation.
    ClaimRevocation = "claim_revocation";
    /// The tool is still as the administrator saw it.
    DecideTool = "decide_tool";
    /// The connection was not changed since it was read.
    KeepRefreshedConnection = "keep_refreshed_connection";
    /// No other process refreshes this version of the connection.
    ClaimConnectionRefresh = "claim_connection_refresh";
    /// The attempt is awaited, in time, by the same user in the same browser.
    RedeemConnectAttempt = "redeem_connect_attempt";
}

impl std::fmt::Display for Condition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

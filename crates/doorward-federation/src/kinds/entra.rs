//! Microsoft Entra ID.

use doorward_transport::oauth::{Answer, Failure, RequestSubject, StatedError};
use serde_json::Value;

use super::{Accounts, Kind, STANDARD, SentClaims, Sign, claim, public};
use crate::{
    config::SettingError,
    settings::{AuthMethod, Speaks, TENANT, address, open_id},
};

/// The numbers of errors (AADSTS) about the user or what they have to do, of whichever code of
/// RFC 6749 they are: a disabled, deleted or unassigned user, one who has to sign in again, and one
/// whom Conditional Access stops.
#[expect(clippy::unreadable_literal, reason = "identifiers, as Microsoft writes them")]
const OF_USER: &[u64] = &[
    16000, 50020, 50034, 50053, 50055, 50056, 50057, 50058, 50072, 50074, 50076, 50078, 50079,
    50085, 50089, 50097, 50105, 50126, 50127, 50128, 50129, 50131, 50132, 50133, 50135, 50139,
    50140, 50143, 50144, 50158, 50173, 50177, 50178, 51004, 53000, 53001, 53002, 53003, 53004,
    53010, 53011, 65001, 65004, 70008, 70019, 70043, 70044, 75016, 80012, 81010, 90072, 90094,
    130501, 130502, 135011, 140000, 160021, 220450, 500121, 500133, 500341, 530003, 530034, 540000,
    700003, 700082, 700084, 1000000, 5000224, 50027, 50029,
];
/// Those about this server as a client, or about the tenant.
#[expect(clippy::unreadable_literal, reason = "identifiers, as Microsoft writes them")]
const OF_CLIENT: &[u64] = &[
    50011, 50012, 50059, 50194, 70001, 90002, 500011, 500014, 700016, 700023, 700024, 700027,
    700030, 700211, 700212, 700213, 7000112, 7000114, 7000215, 7000216, 7000218, 7000219, 7000222,
    7000229,
];
/// Those that a later request does not meet.
const OF_NOW: &[u64] = &[50196, 90006, 90012, 90013, 90020, 90022, 90025, 90033, 90055, 90056];

/// The numbers in an answer of Entra: a list of its own, or a part of the description.
fn numbers(answer: &Answer) -> Option<Vec<u64>> {
    let members = answer.members()?;
    let listed = members.get("error_codes").and_then(Value::as_array);
    let listed: Vec<u64> = listed
        .into_iter()
        .flatten()
        .filter_map(|number| number.as_u64().or_else(|| number.as_str()?.trim().parse().ok()))
        .collect();
    if !listed.is_empty() {
        return Some(listed);
    }
    let words = members.get("error_description").and_then(Value::as_str)?;
    let (_, behind) = words.split_once("AADSTS")?;
    let digits: String = behind.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok().map(|number| vec![number])
}

/// Reads the numbers of Entra's errors, which say more than their codes: `interaction_required`,
/// `invalid_request` and `unauthorized_client` are met for one user and for all.
fn interpret(answer: &Answer, _asked: RequestSubject) -> Option<Failure> {
    let numbers = numbers(answer)?;
    if answer.wait.is_some() || answer.status >= 500 {
        return None;
    }
    let plain = StatedError { status: answer.status, ..StatedError::default() };
    let told = answer.told().unwrap_or(plain);
    let any = |known: &[u64]| numbers.iter().any(|number| known.contains(number));
    if any(OF_NOW) {
        Some(Failure::Wait { seconds: None, told })
    } else if any(OF_CLIENT) {
        Some(Failure::Client(told))
    } else if any(OF_USER) {
        Some(Failure::Refused(told))
    } else {
        None
    }
}

pub(super) const KIND: Kind = Kind {
    name: "entra",
    title: "Microsoft",
    summary: "Microsoft Entra ID. Only users of the listed `tenants` are admitted; a user is `oid` within `tid`, which neither a rename nor a new e-mail address changes. Groups arrive as object ids.",
    sign: Sign {
        colour: "#2b6cb0",
        path: "M6 6h5.4v5.4H6zM12.6 6H18v5.4h-5.4zM6 12.6h5.4V18H6zM12.6 12.6H18V18h-5.4z",
    },
    needs: &["client_secret", "tenants"],
    accounts: |config| {
        if config.tenants.iter().any(|tenant| public::is_personal(tenant)) {
            Accounts::Public {
                service: "Microsoft",
                limit: "tenants without 9188040d-6c67-4c5b-b112-36a304b66dad, the tenant of personal accounts",
            }
        } else {
            public::at_other_than_microsoft(&config.issuer)
        }
    },
    sent: SentClaims { known: &[&[claim("oid", &[]), claim("tid", &[])], STANDARD], others: true },
    prepare: |config| {
        let plain = |tenant: &String| {
            tenant.len() == 36
                && tenant.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
        };
        if config.tenants.is_empty() || !config.tenants.iter().all(plain) {
            return Err(SettingError::new(
                "tenants",
                "must list the tenant ids (like 8eaef023-2b34-4da1-9baa-8bc8c9d6a490) whose users are admitted",
            ));
        }
        let cloud = address("issuer", &config.issuer, Some("https://login.microsoftonline.com"))?;
        let cloud = cloud.as_str().trim_end_matches('/');
        let mut settings =
            open_id(config, format!("{cloud}/{TENANT}/v2.0"), &["openid", "profile", "email"])?;
        let at = if let [tenant] = config.tenants.as_slice() { tenant } else { "organizations" };
        if let Speaks::OpenId(open_id) = &mut settings.speaks {
            // The document of several tenants names them all by a placeholder.
            open_id.document.get_or_insert_with(|| {
                format!("{cloud}/{at}/v2.0/.well-known/openid-configuration")
            });
            open_id.tenants.clone_from(&config.tenants);
            // Its userinfo is another product's (Graph) and adds nothing to the token.
            open_id.userinfo = false;
        }
        "oid".clone_into(&mut settings.claims.subject);
        // An e-mail address in a token of Entra can be set by the user's administrator to any
        // value, unless this claim says otherwise.
        "xms_edov".clone_into(&mut settings.claims.email_verified);
        settings.auth_method = AuthMethod::SecretPost;
        settings.interpret = interpret;
        Ok(settings)
    },
};

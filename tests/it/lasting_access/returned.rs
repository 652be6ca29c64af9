//! Forms of administrators that are kept over the sign-in that they require.

use super::{Prepared, last_csrf, signed_in_again};
use crate::factors::field;

/// A form, and the texts of its page that show what was entered.
struct Entered<'a> {
    page: &'a str,
    action: &'a str,
    fields: Vec<(&'a str, &'a str)>,
    kept: Vec<&'a str>,
}

const UPSTREAM: [(&str, &str); 7] = [
    ("do", "create"),
    ("name", "notes"),
    ("set-kind", "http"),
    ("set-url", "https://notes.example/mcp"),
    ("set-title", "Notes & more"),
    ("set-auth", "header"),
    ("set-header", "X-Key: hush-1"),
];

/// The forms in which something new is entered.
fn new_ones() -> [Entered<'static>; 4] {
    [
        Entered {
            page: "/admin/upstreams?add=1",
            action: "/admin/upstreams",
            fields: UPSTREAM.to_vec(),
            kept: vec!["\"notes\"", "\"https://notes.example/mcp\"", "Notes &#38; more"],
        },
        Entered {
            page: "/admin/providers?add=1",
            action: "/admin/providers",
            fields: vec![
                ("do", "create"),
                ("name", "sso"),
                ("set-kind", "oidc"),
                ("set-issuer", "https://sso.example"),
                ("set-client_id", "door"),
                ("set-client_secret", "hush-3"),
            ],
            kept: vec!["value=\"sso\"", "value=\"https://sso.example\"", "value=\"door\""],
        },
        Entered {
            page: "/admin/clients?add=1",
            action: "/admin/clients",
            fields: vec![
                ("do", "add"),
                ("name", "Portal & more"),
                ("redirect_uris", "https://portal.example/callback"),
                ("confidential", "1"),
            ],
            kept: vec![
                "value=\"Portal &#38; more\"",
                ">https://portal.example/callback<",
                "name=\"confidential\" value=\"1\" checked",
            ],
        },
        Entered {
            page: "/admin/groups?add=1",
            action: "/admin/groups",
            fields: vec![("do", "add"), ("add", "1"), ("name", "crew"), ("description", "Writes")],
            kept: vec!["value=\"crew\"", "Writes"],
        },
    ]
}

impl Entered<'_> {
    /// Sends the form in an old session, signs in again, and looks at the page after that.
    async fn is_kept(&self, prepared: &Prepared) {
        let (server, browser, page) = (&prepared.server, &prepared.browser, self.page);
        let shown = browser.get(&server.at(page)).await.expect(200);
        server.clock.advance(20 * 3_600);
        let csrf = last_csrf(&shown);
        let sent = [&[("csrf", csrf.as_str())], self.fields.as_slice()].concat();
        let again = browser.post(&server.at(self.action), &sent).await.expect(303);
        assert!(!again.location().contains("hush-"), "{}", again.location());
        let back = signed_in_again(server, browser, &again).await;
        for text in &self.kept {
            assert!(back.body.contains(text), "{page}: {text} is missing: {}", back.body);
        }
        assert!(!back.body.contains("hush-"), "{page}");
    }
}

#[tokio::test]
async fn an_administrator_who_signs_in_again_returns_to_the_entered_form() {
    let prepared = Prepared::start().await;
    let (server, browser) = (&prepared.server, &prepared.browser);
    let add = browser.get(&server.at("/admin/upstreams?add=1")).await.expect(200);
    let csrf = last_csrf(&add);
    let sent = [&[("csrf", csrf.as_str())], UPSTREAM.as_slice()].concat();
    browser.post(&server.at("/admin/upstreams"), &sent).await.expect(303);
    for entered in new_ones() {
        entered.is_kept(&prepared).await;
    }
    let edit = browser.get(&server.at("/admin/upstreams?edit=notes")).await.expect(200);
    let seen = field(&edit, "/admin/upstreams", "seen");
    let edited = Entered {
        page: "/admin/upstreams?edit=notes",
        action: "/admin/upstreams",
        fields: vec![
            ("do", "show"),
            ("name", "notes"),
            ("seen", &seen),
            ("set-title", "Notes & less"),
            ("set-header", "X-Key: hush-2"),
        ],
        kept: vec!["Notes &#38; less"],
    };
    edited.is_kept(&prepared).await;
    // A link fills in no secret.
    let link = "/admin/upstreams?add=1&name=x&set-header=X-Key%3A+planted";
    let page = browser.get(&server.at(link)).await.expect(200);
    assert!(!page.body.contains("planted"), "{}", page.body);
}

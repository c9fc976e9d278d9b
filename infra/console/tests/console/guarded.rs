//! Whose requests are taken: Host, Origin, the key, the token, and that read only is read only.

use operator_console::ConsoleAccess;

use crate::server::{KEY, Server};

/// Every act of the console.
const ACTS: [&str; 16] = [
    "/acts/cancel",
    "/acts/reschedule",
    "/acts/resubmit",
    "/acts/resend",
    "/acts/redrive",
    "/acts/drop",
    "/acts/settle",
    "/acts/send-again",
    "/acts/settle-mail",
    "/acts/maintenance",
    "/acts/plan",
    "/acts/account",
    "/acts/settings",
    "/acts/login",
    "/acts/login-change",
    "/acts/switch",
];

/// Every page of it.
const PAGES: [&str; 19] = [
    "/",
    "/calls",
    "/find?id=x",
    "/conversation?key=00",
    "/call?key=00",
    "/call.xml?key=00",
    "/scheduled",
    "/replies",
    "/reply/file?id=x",
    "/mail-list",
    "/mail?mail=a_1_1",
    "/mail/html?mail=a_1_1",
    "/failed",
    "/unknown",
    "/backends",
    "/accounts",
    "/dead",
    "/audit",
    "/assets/console.js",
];

/// What would be done if it were done.
const FORM: &str = "account=local&id=x&request=x&as=y&on=true&name=x&kind=user&secret=x&reason=x\
                    &verdict=done&from=2099-01-01T00:00:00Z&to=2099-01-01T01:00:00Z&queue=high&letter=x&ids=x";

fn acting() -> ConsoleAccess {
    ConsoleAccess::MayAct {
        who: "ann".to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn h07_nothing_is_done_without_the_token_of_the_form() {
    let local = Server::local().await;
    let console = local.console(acting()).await;
    for server in [&local, &console] {
        let of_server = ["/tools/call", "/tools/clock", "/tools/reset"];
        let is_local = server.path("/") != "/";
        let acts = ACTS
            .into_iter()
            .chain(of_server.into_iter().filter(|_| is_local));
        let before = local.writes();
        for act in acts {
            for form in [
                FORM.to_owned(),
                format!("{FORM}&token="),
                format!("{FORM}&token=AAAA"),
                format!("token%00=&{FORM}"),
            ] {
                let first = format!("POST {}", server.path(act));
                let answer = server.ask(&first, &server.usual_headers(), &form).await;
                assert_eq!(answer.status, 403, "{act} {form}: {}", answer.body);
                assert!(
                    answer.body.contains("Not from a page of this console"),
                    "{act}"
                );
            }
            let got = server.get(act).await;
            assert_eq!(got.status, 405, "{act} is no page");
        }
        assert_eq!(local.writes(), before, "nothing was written");
    }
    let page = local.shows("/").await;
    assert!(!page.contains("calls are accepted and wait"));
}

#[tokio::test(flavor = "multi_thread")]
async fn h07_read_only_is_read_only() {
    let local = Server::local().await;
    local.part("there", 1, 2).await;
    let console = local.console(ConsoleAccess::ReadOnly).await;
    let before = local.writes();
    for page in PAGES {
        let answer = console.get(page).await;
        assert!(
            matches!(answer.status, 200 | 303 | 400 | 404),
            "{page}: {}",
            answer.status
        );
        assert!(
            !answer.body.contains("method=\"post\""),
            "{page} offers an act"
        );
    }
    for act in ACTS.into_iter().chain(["/tools/reset", "/nowhere"]) {
        for method in ["POST", "PUT", "DELETE", "PATCH"] {
            let answer = console
                .post(act, &[("account", "local"), ("id", "there")])
                .await;
            assert!(
                matches!(answer.status, 403 | 404),
                "{act}: {}",
                answer.status
            );
            let first = format!("{method} {act}");
            let answer = console.ask(&first, &console.usual_headers(), FORM).await;
            assert!(
                matches!(answer.status, 403 | 404),
                "{first}: {}",
                answer.status
            );
        }
    }
    assert_eq!(local.writes(), before, "nothing was written");
    let purged = local.stack.local.usage().counts();
    assert_eq!(
        purged.used(local::Service::Sqs, "DeleteMessage").requests,
        0.0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn h07_only_whoever_has_the_printed_address_is_let_in() {
    let local = Server::local().await;
    let console = local.console(acting()).await;
    let host = format!("host: {}\r\n", console.address);
    for page in PAGES.into_iter().chain(["/?key=wrong", "/?key="]) {
        for cookie in [
            "",
            "cookie: aftercall-console=wrong\r\n",
            "cookie: other=1; x\r\n",
        ] {
            let answer = console
                .ask(&format!("GET {page}"), &format!("{host}{cookie}"), "")
                .await;
            assert_eq!(answer.status, 401, "{page} {cookie}");
            assert!(!answer.body.contains("token"), "{page}");
        }
    }
    let posted = console
        .ask(&format!("POST /acts/cancel?key={KEY}"), &host, FORM)
        .await;
    assert_eq!(posted.status, 401);
    let entered = console.ask(&format!("GET /?key={KEY}"), &host, "").await;
    assert_eq!(entered.status, 303);
    let cookie = format!(
        "set-cookie: aftercall-console={}; path=/; httponly; samesite=strict",
        KEY
    );
    assert!(entered.head.contains(&cookie), "{}", entered.head);
    assert!(
        !entered.head.contains("location: /?key"),
        "the key does not stay in the address"
    );
    assert_eq!(console.get("/").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn h07_only_this_machine_and_our_own_pages_are_answered() {
    let local = Server::local().await;
    let console = local.console(acting()).await;
    for server in [&local, &console] {
        let cookie = format!("cookie: aftercall-console={KEY}\r\n");
        let own = format!("host: {}\r\n{cookie}", server.address);
        for page in PAGES {
            let first = format!("GET {}", server.path(page));
            for (headers, status) in [
                (format!("host: evil.example\r\n{cookie}"), 403),
                (format!("host: 127.0.0.1.evil.example\r\n{cookie}"), 403),
                (
                    format!("host: localhost\r\nhost: localhost\r\n{cookie}"),
                    400,
                ),
                (format!("{own}origin: http://evil.example\r\n"), 403),
                (format!("{own}origin: null\r\n"), 403),
                (format!("{own}sec-fetch-site: cross-site\r\n"), 403),
                (
                    format!("{own}sec-fetch-site: same-site\r\nsec-fetch-mode: no-cors\r\n"),
                    403,
                ),
            ] {
                let answer = server.ask(&first, &headers, "").await;
                assert_eq!(answer.status, status, "{first} {headers}");
                assert!(!answer.head.contains("access-control"), "{}", answer.head);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn h07_every_answer_tells_the_browser_what_it_may_not_do() {
    let server = Server::local().await;
    for page in PAGES
        .into_iter()
        .chain(["/sent", "/tools", "/account", "/nowhere-else"])
    {
        let head = server.get(page).await.head;
        // What is no page of the console is the product's.
        if page == "/nowhere-else" {
            continue;
        }
        for header in [
            "content-security-policy: default-src 'none'",
            "x-content-type-options: nosniff",
            "referrer-policy: same-origin",
            "x-frame-options: deny",
            "cross-origin-opener-policy: same-origin",
            "cross-origin-resource-policy: same-origin",
            "cache-control: ",
        ] {
            assert!(head.contains(header), "{page} lacks {header}: {head}");
        }
        assert!(!head.contains("unsafe"), "{page}: {head}");
        assert!(
            !head.contains("http:") && !head.contains("https:"),
            "{page}: {head}"
        );
    }
    let page = server.shows("/").await;
    assert!(
        !page.contains(" style=") && !page.contains("<style"),
        "no style stands in a page"
    );
    assert!(
        !page.contains("<script>") && !page.contains("onclick"),
        "and no script"
    );
}

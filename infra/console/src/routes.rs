//! Which pages and acts there are.

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use tokio::net::TcpListener;

use crate::admission::{Reach, admit};
use crate::console::Console;
use crate::guard::guard;
use crate::{acts, assets, connections, pages};

impl Console {
    /// All of it, with further routes that are guarded alike.
    pub fn router(&self, more: Router) -> Router {
        let at = |path: &str| format!("{}{path}", self.base());
        let pages = Router::new()
            .route(&at("/"), get(pages::overview::overview))
            .route(&at("/calls"), get(pages::calls::calls))
            .route(&at("/find"), get(pages::calls::find))
            .route(&at("/conversation"), get(pages::conversation::conversation))
            .route(&at("/call"), get(pages::call::call))
            .route(&at("/call.xml"), get(pages::call::download))
            .route(&at("/scheduled"), get(pages::scheduled::scheduled))
            .route(&at("/replies"), get(pages::replies::replies))
            .route(&at("/reply"), get(pages::replies::reply))
            .route(&at("/reply/file"), get(pages::reply_content::file))
            .route(&at("/mail-list"), get(pages::mails::mails))
            .route(&at("/mail"), get(pages::mail::mail))
            .route(&at("/mail/html"), get(pages::mail::html))
            .route(&at("/failed"), get(pages::failed::failed))
            .route(&at("/dead"), get(pages::dead::dead))
            .route(&at("/unknown"), get(pages::unknown::unknown))
            .route(&at("/backends"), get(pages::backends::backends))
            .route(&at("/accounts"), get(pages::accounts::accounts))
            .route(&at("/account"), get(pages::accounts::one_account))
            .route(&at("/audit"), get(pages::audit::audit))
            .route(&at("/assets/{name}"), get(assets::asset));
        let acts = Router::new()
            .route(&at("/acts/cancel"), post(acts::calls::cancel))
            .route(&at("/acts/reschedule"), post(acts::calls::reschedule))
            .route(&at("/acts/resubmit"), post(acts::calls::resubmit))
            .route(&at("/acts/settle"), post(acts::unknown::settle_one))
            .route(&at("/acts/send-again"), post(acts::unknown::send_again))
            .route(&at("/acts/settle-mail"), post(acts::mails::settle_mail))
            .route(&at("/acts/resend"), post(acts::replies::send_replies_again))
            .route(&at("/acts/redrive"), post(acts::dead::redrive))
            .route(&at("/acts/drop"), post(acts::dead::drop_letter))
            .route(&at("/acts/maintenance"), post(acts::maintenance::turn))
            .route(&at("/acts/plan"), post(acts::maintenance::plan))
            .route(&at("/acts/account"), post(acts::accounts::create))
            .route(&at("/acts/settings"), post(acts::accounts::change))
            .route(&at("/acts/login"), post(acts::logins::log_in))
            .route(&at("/acts/login-change"), post(acts::logins::change))
            .route(&at("/acts/switch"), post(acts::accounts::switch));
        pages
            .merge(acts)
            .with_state(self.clone())
            .merge(more)
            .layer(from_fn_with_state(self.clone(), guard))
    }

    /// Serves it alone until the process ends; `listener` is on a loopback address.
    pub async fn serve(&self, listener: TcpListener) -> ! {
        let router = self.router(Router::new());
        let router = router.layer(from_fn_with_state(Reach::ThisMachine, admit));
        connections::serve(listener, router).await
    }
}

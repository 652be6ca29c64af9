//! Routes to handlers, whose types end here.
//!
//! The router of axum is generic over each handler, and so over all that the handler awaits: the
//! compiler proved again for every function of the router that the future of every page can be
//! sent, down to the database. Behind one type, it proves that once for each handler, and builds
//! the router once.

use std::{convert::Infallible, future::Future, pin::Pin, sync::Arc};

use axum::{
    extract::Request,
    handler::Handler,
    response::Response,
    routing::{self, MethodRouter},
};

/// A response that is being made.
type Responding = Pin<Box<dyn Future<Output = Response> + Send>>;

/// A handler of any type.
struct Erased<S>(Arc<dyn Fn(Request, S) -> Responding + Send + Sync>);

impl<S> Clone for Erased<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: 'static> Handler<(), S> for Erased<S> {
    type Future = Responding;

    fn call(self, request: Request, state: S) -> Responding {
        (self.0)(request, state)
    }
}

fn erased<H: Handler<T, S>, T: 'static, S: 'static>(handler: H) -> Erased<S> {
    Erased(Arc::new(move |request, state| Box::pin(handler.clone().call(request, state))))
}

macro_rules! methods {
    ($($method:ident)*) => {
        $(
            /// Routes requests of this method to a handler; `merge` adds those of further methods.
            pub fn $method<H, T, S>(handler: H) -> MethodRouter<S, Infallible>
            where
                H: Handler<T, S>,
                T: 'static,
                S: Clone + Send + Sync + 'static,
            {
                routing::$method(erased(handler))
            }
        )*
    };
}

methods! { any delete get patch post put }

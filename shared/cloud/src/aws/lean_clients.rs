//! The clients of DynamoDB and SQS, which nearly every request of a call goes through, without what
//! the SDK finds out anew for each request although it is the same each time.
//!
//! A PutItem as it is deployed takes 381,000 instructions from a client of the SDK's own making and
//! 325,000 from one of these (without SHA-256, for which processors have instructions and
//! valgrind has not); in time, 88 and 67 us, 15 of them the kernel's.

use std::sync::OnceLock;

use aws_runtime::user_agent::UserAgentInterceptor;
use aws_sdk_dynamodb::config::endpoint::ResolveEndpoint as _;
use aws_sdk_sqs::config::endpoint::ResolveEndpoint as _;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::endpoint::{
    EndpointFuture, EndpointResolverParams, ResolveEndpoint, SharedEndpointResolver,
};
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeSerializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
    BeforeTransmitInterceptorContextRef,
};
use aws_smithy_runtime_api::client::interceptors::{
    DisableInterceptor, Intercept, disable_interceptor, dyn_dispatch_hint,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::client::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::endpoint::Endpoint;
use aws_types::SdkConfig;

use crate::aws::UNSIGNED;

const USER_AGENT: &str = "user-agent";

pub(crate) fn dynamodb(config: &SdkConfig) -> aws_sdk_dynamodb::Client {
    let default = aws_sdk_dynamodb::config::endpoint::DefaultResolver::new();
    let mut builder =
        aws_sdk_dynamodb::config::Builder::from(config).interceptor(OneUserAgent::default());
    builder.set_endpoint_resolver(Some(one_endpoint(default.into_shared_resolver())));
    if bounds_attempts(config) {
        builder.set_stalled_stream_protection(Some(StalledStreamProtectionConfig::disabled()));
    }
    if is_unsigned(config) {
        builder.set_allow_no_auth();
    }
    aws_sdk_dynamodb::Client::from_conf(builder.build())
}

pub(crate) fn sqs(config: &SdkConfig) -> aws_sdk_sqs::Client {
    let default = aws_sdk_sqs::config::endpoint::DefaultResolver::new();
    let mut builder =
        aws_sdk_sqs::config::Builder::from(config).interceptor(OneUserAgent::default());
    builder.set_endpoint_resolver(Some(one_endpoint(default.into_shared_resolver())));
    if bounds_attempts(config) {
        builder.set_stalled_stream_protection(Some(StalledStreamProtectionConfig::disabled()));
    }
    if is_unsigned(config) {
        builder.set_allow_no_auth();
    }
    aws_sdk_sqs::Client::from_conf(builder.build())
}

/// Where a time is set for every attempt, nothing is left for the guard of stalled streams (3 % of
/// a request): both services answer in one piece, which an attempt's time includes. It is no
/// replacement for such a time, as it does not mind a server that takes a request and never answers.
fn bounds_attempts(config: &SdkConfig) -> bool {
    let timeouts = config.timeout_config();
    timeouts.is_some_and(|timeouts| timeouts.operation_attempt_timeout().is_some())
}

/// Whether the configuration would rather have requests without signatures: the local cloud's, whose
/// requests leave no process. The SDK knows that way of authentication only where it is told of it.
fn is_unsigned(config: &SdkConfig) -> bool {
    let preference = config.auth_scheme_preference().cloned();
    preference.is_some_and(|preferred| preferred.into_iter().any(|it| it == UNSIGNED))
}

/// The endpoint that the SDK's own rules find, asked once. The SDK remembers one answer as well, but
/// for one table alone, although the table's name says nothing (4 % of a request to another table
/// than the last). True as long as tables go by their names: an ARN could name an endpoint of the
/// table's own account.
#[derive(Debug)]
struct OneEndpoint {
    rules: SharedEndpointResolver,
    found: OnceLock<Endpoint>,
}

fn one_endpoint(rules: SharedEndpointResolver) -> SharedEndpointResolver {
    SharedEndpointResolver::new(OneEndpoint {
        rules,
        found: OnceLock::new(),
    })
}

impl ResolveEndpoint for OneEndpoint {
    fn resolve_endpoint<'a>(&'a self, params: &'a EndpointResolverParams) -> EndpointFuture<'a> {
        if let Some(endpoint) = self.found.get() {
            return EndpointFuture::ready(Ok(endpoint.clone()));
        }
        EndpointFuture::new(async {
            let endpoint = self.rules.resolve_endpoint(params).await?;
            Ok(self.found.get_or_init(|| endpoint).clone())
        })
    }

    /// Tells the rules whose credentials they are, if those say it.
    fn finalize_params<'a>(
        &'a self,
        params: &'a mut EndpointResolverParams,
    ) -> Result<(), BoxError> {
        match self.found.get() {
            Some(_) => Ok(()),
            None => self.rules.finalize_params(params),
        }
    }
}

/// The user agent that the SDK wrote for a client's first request, for all that follow: to put it
/// together is 8 % of a request. Its second copy, `x-amz-user-agent`, is for browsers, which may not
/// set the first; it would have to be signed.
#[derive(Debug, Default)]
struct OneUserAgent(OnceLock<String>);

#[dyn_dispatch_hint]
impl Intercept for OneUserAgent {
    fn name(&self) -> &'static str {
        "OneUserAgent"
    }

    fn read_before_execution(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        settings: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if self.0.get().is_some() {
            let known = disable_interceptor::<UserAgentInterceptor>("its header is known");
            settings.interceptor_state().store_put(known);
        }
        Ok(())
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        settings: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // Asked of this request, not of `self`: another may have made it known in between, and the
        // SDK is about to add its own.
        let disabled = settings.load::<DisableInterceptor<UserAgentInterceptor>>();
        if let (Some(_), Some(user_agent)) = (disabled, self.0.get()) {
            let headers = context.request_mut().headers_mut();
            headers.try_insert(USER_AGENT, user_agent.clone())?;
        }
        Ok(())
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if self.0.get().is_none()
            && let Some(user_agent) = context.request().headers().get(USER_AGENT)
        {
            self.0.get_or_init(|| user_agent.to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

//! The clients of DynamoDB and SQS, which nearly every call uses, without work that the SDK repeats
//! for each request although its result never changes.
//!
//! As deployed, a PutItem takes 381,000 instructions with a client of the SDK and 325,000 with one
//! of these (without SHA-256, for which processors have instructions that valgrind does not
//! support). In time, this is 88 and 67 us, of which 15 are the kernel's.

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

/// If every attempt has a time limit, the guard against stalled streams is not needed (3 % of a
/// request): both services answer in one piece, within the time limit. The guard does not replace
/// that limit, since it ignores a server that accepts a request and never answers.
fn bounds_attempts(config: &SdkConfig) -> bool {
    let timeouts = config.timeout_config();
    timeouts.is_some_and(|timeouts| timeouts.operation_attempt_timeout().is_some())
}

/// Whether the configuration prefers requests without signatures, as the local cloud does, whose
/// requests leave no process. The SDK supports them only if the client registers that scheme.
fn is_unsigned(config: &SdkConfig) -> bool {
    let preference = config.auth_scheme_preference().cloned();
    preference.is_some_and(|preferred| preferred.into_iter().any(|it| it == UNSIGNED))
}

/// The endpoint according to the SDK's own rules, evaluated once. The SDK caches one result, too,
/// but only for one table, although the table's name has no effect (4 % of a request to another
/// table than the last). This is right as long as tables are named by their names: an ARN could
/// mean an endpoint of its account.
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

    /// Passes the account of the credentials to the rules, if it is known.
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

/// The user agent that the SDK wrote for the first request of a client, for all later requests:
/// composing it takes 8 % of a request. Its copy, `x-amz-user-agent`, is for browsers, which may
/// not set the first one; it would have to be signed.
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
        // The request itself is checked, not `self`: another request may have stored the user agent
        // meanwhile, and the SDK would then add its own.
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

//! Properties as the runner writes them, and back.

use sans_mqtt::{Properties, Property};
use sans_mqtt_interop::{bytes, line, text};
use serde_json::{Map, Value, json};

/// The properties of a command, with a place for the one that is binary.
pub struct Given<'a> {
    values: &'a Value,
    correlation_data: Vec<u8>,
}

impl<'a> Given<'a> {
    pub fn new(values: &'a Value) -> Self {
        Self { values, correlation_data: bytes(&values["correlation_data"]) }
    }

    pub fn properties(&self) -> Vec<Property<'_>> {
        self.values
            .as_object()
            .into_iter()
            .flatten()
            .flat_map(|(name, value)| self.each(name, value))
            .collect()
    }

    fn each<'s>(&'s self, name: &str, value: &'s Value) -> Vec<Property<'s>> {
        let number = value.as_u64().unwrap_or_default() as u32;
        vec![match name {
            "payload_format_indicator" => Property::PayloadFormatIndicator(number != 0),
            "message_expiry_interval" => Property::MessageExpiryInterval(number),
            "content_type" => Property::ContentType(text(value)),
            "response_topic" => Property::ResponseTopic(text(value)),
            "correlation_data" => Property::CorrelationData(&self.correlation_data),
            "subscription_identifier" => Property::SubscriptionIdentifier(number),
            "session_expiry_interval" => Property::SessionExpiryInterval(number),
            "will_delay_interval" => Property::WillDelayInterval(number),
            "user_property" => {
                let pairs = value.as_array().into_iter().flatten();
                return pairs.map(|pair| Property::UserProperty(text(&pair[0]), text(&pair[1]))).collect();
            }
            // The rest is the configuration's.
            _ => return Vec::new(),
        }]
    }
}

/// What came, by name; what may come several times as a list.
pub fn show(properties: Properties<'_>) -> Value {
    let mut shown = Map::new();
    for property in properties {
        let value = match property {
            Property::PayloadFormatIndicator(text) => json!(u8::from(text)),
            Property::MessageExpiryInterval(n) | Property::SessionExpiryInterval(n) => json!(n),
            Property::ServerKeepAlive(n) | Property::ReceiveMaximum(n) | Property::TopicAliasMaximum(n) => {
                json!(n)
            }
            Property::MaximumPacketSize(n) => json!(n),
            Property::ContentType(text)
            | Property::ResponseTopic(text)
            | Property::AssignedClientIdentifier(text)
            | Property::ReasonString(text) => json!(text),
            Property::CorrelationData(bytes) => line(bytes),
            Property::SubscriptionIdentifier(n) => json!([n]),
            Property::UserProperty(name, value) => json!([[name, value]]),
            _ => continue,
        };
        let name = property.id().name().to_lowercase().replace(' ', "_");
        match (shown.get_mut(&name), value) {
            (Some(Value::Array(list)), Value::Array(more)) => list.extend(more),
            (_, value) => drop(shown.insert(name, value)),
        }
    }
    shown.into()
}

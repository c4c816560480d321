//! The words of the specification as plain values, and its tables: what there is, and where it may stand. Nothing here
//! knows of bytes.

mod packet_type;
mod property;
mod reason;
mod value;
mod version;

use crate::show::display;

pub use packet_type::PacketType;
pub(crate) use packet_type::{Scope, scopes};
pub use property::PropertyId;
pub(crate) use property::{Kind, Row, properties};
pub use reason::ReasonCode;
pub use value::{Delivery, PacketId, Qos};
pub use version::{Sender, Version};

display! { PacketType: name, PropertyId: name, Sender: name }

//! The answer to Describe: the properties of object types, from the model.

use crate::model;
use crate::write::Writer;

/// The payload that describes object types: every property with its type. An unknown type is
/// answered with its name only.
pub fn write_definitions(object_types: &[String], request_id: &str) -> String {
    let mut writer = Writer::with_capacity(4096);
    writer.open_root("DefinitionResponseMsg", None, false);
    for object_type in object_types {
        writer.open("ObjectDefinition");
        writer.leaf("ObjectType", object_type);
        let known = model::model()
            .complex(object_type)
            .filter(|complex| complex.is_object());
        for (name, type_name) in known.map(model::Complex::fields).unwrap_or_default() {
            write_property(&mut writer, name, type_name);
        }
        writer.close("ObjectDefinition");
    }
    writer.leaf("RequestID", request_id);
    writer.close("DefinitionResponseMsg");
    writer.finish()
}

fn write_property(writer: &mut Writer, name: &str, type_name: &str) {
    writer.open("Properties");
    writer.empty("PartnerKey", None, true);
    writer.empty("ObjectID", None, true);
    writer.leaf("Name", name);
    writer.leaf("DataType", data_type(type_name));
    writer.leaf("IsUpdatable", "true");
    writer.leaf("IsRetrievable", "true");
    writer.close("Properties");
}

/// Marketing Cloud's names for the schema's types.
fn data_type(type_name: &str) -> &str {
    match type_name {
        "string" => "String",
        "int" => "Int32",
        "long" => "Int64",
        "short" => "Int16",
        "byte" => "Byte",
        "boolean" => "Boolean",
        "dateTime" => "DateTime",
        "time" => "Time",
        "double" => "Double",
        other => other,
    }
}

"""zeep in strict mode on what takes long and what is in a data extension: imports, extracts, fields, rows that
end, tasks that are cancelled."""

import csv
import io
import unittest

from lxml import etree
from zeep import Client, Settings

from stage import BASE, CLOCK_IS_REAL, extracted, new, put_file, token, until

PARTNER = "{http://exacttarget.com/wsdl/partnerAPI}"


@unittest.skipIf(CLOCK_IS_REAL, "the bucket of this endpoint is not ours to put files into")
class Objects(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.client = Client(BASE + "/etframework.wsdl", settings=Settings(strict=True))
        element = etree.Element("{http://exacttarget.com}fueloauth")
        element.text = token()
        cls.header = [element]

    def type(self, name, **fields):
        return self.client.get_type(PARTNER + name)(**fields)

    def call(self, operation, **parts):
        return getattr(self.client.service, operation)(**parts, _soapheaders=self.header)

    def create(self, *objects):
        answer = self.call("Create", Options=self.type("CreateOptions"), Objects=list(objects))
        self.assertEqual("OK", answer.OverallStatus, answer)
        return answer.Results

    def perform(self, action, definition):
        options = self.type("PerformOptions")
        return self.call("Perform", Options=options, Action=action, Definitions={"Definition": [definition]})

    def retrieve(self, object_type, properties, name, value):
        part = self.type("SimpleFilterPart", Property=name, SimpleOperator="equals", Value=[value])
        request = self.type("RetrieveRequest", ObjectType=object_type, Properties=properties, Filter=part)
        answer = self.call("Retrieve", RetrieveRequest=request)
        self.assertEqual("OK", answer.OverallStatus, answer)
        return answer.Results

    def extension(self, key, **fields):
        field = lambda name, kind, **more: self.type("DataExtensionField", Name=name, FieldType=kind, **more)
        columns = [field("Id", "Text", MaxLength=50, IsPrimaryKey=True, IsRequired=True), field("Age", "Number")]
        return self.type("DataExtension", CustomerKey=key, Name=key, Fields={"Field": columns}, **fields)

    def rows(self, key):
        request = self.type("RetrieveRequest", ObjectType=f"DataExtensionObject[{key}]", Properties=["Id", "Age"])
        answer = self.call("Retrieve", RetrieveRequest=request)
        self.assertEqual("OK", answer.OverallStatus, answer)
        of = lambda row: {it.Name: it.Value for it in row.Properties.Property}
        return sorted((of(row)["Id"], of(row).get("Age")) for row in answer.Results)

    def test_an_import_is_started_watched_and_looked_through(self):
        key = new("import")
        self.create(self.extension(key))
        definition = self.type(
            "ImportDefinition",
            CustomerKey=key,
            Name=key,
            AllowErrors=True,
            DestinationObject=self.type("DataExtension", CustomerKey=key),
            FieldMappingType="InferFromColumnHeadings",
            FileSpec=f"{key}.csv",
            FileType="CSV",
            UpdateType="AddAndUpdate",
            RetrieveFileTransferLocation=self.type("FileTransferLocation", CustomerKey="ExactTarget Enhanced FTP"),
        )
        self.create(definition)
        put_file(f"{key}.csv", "Id,Age\r\nann,36\r\nbob,old\r\ncid,\r\n")
        answer = self.perform("start", self.type("ImportDefinition", CustomerKey=key))
        self.assertEqual("OK", answer.OverallStatus, answer)
        task = answer.Results.Result[0].Task.ID
        properties = ["ImportStatus", "NumberSuccessful", "NumberErrors", "TotalRows"]

        def summary():
            [found] = self.retrieve("ImportResultsSummary", properties, "TaskResultID", task)
            return found if found.ImportStatus in ("Completed", "Error") else None

        found = until("the import to end", summary)
        self.assertEqual(("Completed", 2, 1, 3), tuple(getattr(found, name) for name in properties))
        self.assertEqual([("ann", "36"), ("cid", None)], self.rows(key))
        errors = until("the file of errors", lambda: extracted(f"import-{task}-errors.csv"))
        self.assertIn("bob", errors)

    def test_an_extract_is_fetched_from_the_bucket(self):
        key = new("extract")
        options = self.type("CreateOptions", RequestType="Asynchronous")
        subscriber = self.type("Subscriber", SubscriberKey=key, EmailAddress=f"{key}@example.com", CorrelationID=key)
        queued = self.call("Create", Options=options, Objects=[subscriber])
        ended = lambda: self.retrieve("AsyncRequestResult", ["Status"], "ObjectID", queued.RequestID)[0].Status == "Complete"
        until("the call to end", ended)
        parameters = {"StartDate": "1/1/2000 1:00:00 AM", "OutputFileName": f"{key}.csv", "_AsyncID": "0"}
        parameters = [self.type("APIProperty", Name=name, Value=value) for name, value in parameters.items()]
        [description] = self.retrieve("ExtractDescription", ["ObjectID"], "Name", "Async Results Data Extract")
        request = self.type(
            "ExtractRequest",
            ID=description.ObjectID,
            Options=self.type("ExtractOptions"),
            Parameters={"Parameter": [self.type("ExtractParameter", Name=it.Name, Value=it.Value) for it in parameters]},
        )
        answer = self.call("Extract", Requests=[request])
        self.assertEqual("OK", answer.OverallStatus, answer)
        text = until("the file", lambda: extracted(f"{key}.csv"))
        rows = [row for row in csv.DictReader(io.StringIO(text)) if row["CorrelationID"] == key]
        self.assertEqual([(queued.RequestID, "OK")], [(row["RequestID"], row["StatusCode"]) for row in rows])

    def test_a_field_is_added_and_all_are_retrieved(self):
        key = new("fields")
        self.create(self.extension(key))
        size = self.type(
            "DataExtensionField",
            Name="Size",
            FieldType="Decimal",
            MaxLength=5,
            Scale=2,
            DefaultValue="1.50",
            DataExtension=self.type("DataExtension", CustomerKey=key),
        )
        self.create(size)
        properties = ["Name", "FieldType", "IsPrimaryKey", "IsRequired", "MaxLength", "Scale", "Ordinal", "CustomerKey"]
        found = self.retrieve("DataExtensionField", properties, "DataExtension.CustomerKey", key)
        fields = sorted((it.Ordinal, it.Name, it.FieldType, it.IsPrimaryKey, it.CustomerKey) for it in found)
        self.assertEqual(
            [
                (0, "Id", "Text", True, f"[{key}].[Id]"),
                (1, "Age", "Number", False, f"[{key}].[Age]"),
                (2, "Size", "Decimal", False, f"[{key}].[Size]"),
            ],
            fields,
        )

    def test_a_retention_is_kept_and_given_back(self):
        key = new("retention")
        self.create(
            self.extension(key, RowBasedRetention=True, DataRetentionPeriodLength=30, DataRetentionPeriod="Days")
        )
        properties = ["RowBasedRetention", "DataRetentionPeriodLength", "DataRetentionPeriodUnitOfMeasure"]
        [found] = self.retrieve("DataExtension", properties, "CustomerKey", key)
        self.assertEqual((True, 30, 3), tuple(getattr(found, name) for name in properties))

    def test_a_clear_ends_or_cannot_be_cancelled_any_more(self):
        key = new("clear")
        self.create(self.extension(key))
        pair = self.type("APIProperty", Name="Id", Value="ann")
        self.create(self.type("DataExtensionObject", CustomerKey=key, Properties={"Property": [pair]}))
        answer = self.perform("ClearData", self.type("DataExtension", CustomerKey=key))
        self.assertEqual("OK", answer.OverallStatus, answer)
        self.assertTrue(answer.Results.Result[0].Task.ID)
        self.assertEqual([], self.rows(key))
        ended = lambda: self.retrieve("AsyncRequestResult", ["Status"], "ObjectID", answer.RequestID)[0].Status == "Complete"
        until("the clear to end", ended)
        late = self.perform("cancel", self.type("AsyncRequestResult", ObjectID=answer.RequestID))
        self.assertEqual(("Error", 222), (late.OverallStatus, late.Results.Result[0].ErrorCode))


if __name__ == "__main__":
    unittest.main(verbosity=2)

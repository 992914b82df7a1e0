"""Several nodes of one name: the importer's names are those that a run has."""

from mmdnn.frameworks.mxnet import engine


def test_later_nodes_of_one_name_have_numbers():
    names = ["c_output", "act_output", "d_output", "act_output", "act_output_1", "act_output"]
    found = engine._numbered(names, ["data"])
    assert found == [
        *("c_output", "act_output", "d_output"),
        *("act_output_2", "act_output_1", "act_output_3"),
    ]

import pytest

from mmdnn.cli.arguments import Parser, phase, shapes
from mmdnn.errors import UsageError


def parser():
    made = Parser("mmtest", "words", "  mmtest")
    made.flag(made, "-n", "-in", "--network")
    made.flag(made, "--inputShape", nargs="+")
    made.add_argument("files", nargs="*")
    return made


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([], {}),
        (["3,224,224"], {"": (3, 224, 224)}),
        (["1,3,224,224"], {"": (1, 3, 224, 224)}),
        (["224,224,3", "1"], {"": (224, 224, 3), "1": (1,)}),
        (["data:1,3,224,224"], {"data": (1, 3, 224, 224)}),
        (["in:0:3,4", "b:5"], {"in:0": (3, 4), "b": (5,)}),
        (["5,"], {"": (5,)}),
    ],
)
def test_shapes(items, expected):
    assert shapes(items) == expected


@pytest.mark.parametrize("item", ["", "x", "3,,4", "3,-2", "3,0,4", "3 4", "data:", "3.5", "3x4"])
def test_what_is_no_shape_names_the_flag(item):
    with pytest.raises(UsageError, match=f"--inputShape: '{item}' is not a shape"):
        shapes([item])


def test_a_shape_given_twice():
    with pytest.raises(UsageError, match="'a' is given twice"):
        shapes(["a:3", "a:4"])


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (
            ["--inputshape", "3"],
            "unrecognized arguments: --inputshape (did you mean --inputShape?)",
        ),
        (["--input", "3"], "unrecognized arguments: --input"),
        (["-nnet.pb"], "unrecognized arguments: -nnet.pb"),
        (["-x"], "unrecognized arguments: -x"),
        (["--net=1"], "unrecognized arguments: --net=1"),
    ],
)
def test_flags_are_taken_only_as_they_are_written(argv, words, capsys):
    with pytest.raises(SystemExit) as caught:
        parser().parse(argv)
    assert caught.value.code == 2
    assert words in capsys.readouterr().err


def test_known_flags_and_files():
    args = parser().parse(["-in", "net.pb", "a", "b", "--inputShape", "3,4", "5"])
    assert (args.network, args.files, args.inputShape) == ("net.pb", ["a", "b"], ["3,4", "5"])
    assert parser().parse(["--network=x", "--", "-y"]).files == ["-y"]


def test_phases():
    assert [phase(text) for text in ("TEST", "test", "TRAIN", "train")] == ["test"] * 2 + [
        "train"
    ] * 2
    with pytest.raises(Exception, match="neither TEST nor TRAIN"):
        phase("eval")

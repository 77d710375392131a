"""nodes.csv: one electricity tree, heat nodes that stand alone."""

from tests.cases.folders import NODES, loaded, mistakes

ALONE = dict.fromkeys(("battery", "pv", "heat_pump", "heat_demand", "load"))
HEADER = "id,carrier,parent,import_limit_kw,export_limit_kw,dump,peak_eur_per_kw\n"


def nodes(tmp_path, rows: str) -> list[str]:
    return mistakes(tmp_path, **ALONE, nodes=HEADER + rows)


def test_exactly_one_electricity_root(tmp_path):
    line = "no electricity node without a parent; allowed: exactly one, the root that meets the market"
    assert nodes(tmp_path, "") == [f"nodes.csv: parent: {line}"]
    assert nodes(tmp_path, "warm,heat,,,,,\n") == [f"nodes.csv: parent: {line}"]
    assert nodes(tmp_path, "a,electricity,,,,,\nb,electricity,,,,,\nc,electricity,,,,,\n") == [
        f"nodes.csv:{row}: parent: '{id}' is a second root beside 'a'; allowed: exactly one electricity node without a "
        "parent" for row, id in ((3, "b"), (4, "c"))
    ]  # fmt: skip


def test_parents_that_form_a_cycle(tmp_path):
    assert nodes(tmp_path, "r,electricity,,,,,\na,electricity,b,,,,\nb,electricity,c,,,,\nc,electricity,a,,,,\n") == [
        "nodes.csv:3: parent: the parents form a cycle: 'a' → 'b' → 'c' → 'a'; allowed: a tree below the root"
    ]
    assert nodes(tmp_path, "r,electricity,,,,,\na,electricity,a,,,,\n") == [
        "nodes.csv:3: parent: the parents form a cycle: 'a' → 'a'; allowed: a tree below the root"
    ]
    ring = "".join(f"n{i},electricity,n{(i + 1) % 50},,,,\n" for i in range(50))
    found = nodes(tmp_path, f"r,electricity,,,,,\n{ring}")
    assert len(found) == 1
    assert "'n7' → '…' → 'n0'" in found[0]


def test_an_unknown_or_wrong_parent(tmp_path):
    assert nodes(tmp_path, "grid,electricity,,,,,\na,electricity,grit,,,,\nw,heat,,,,,\nb,electricity,w,,,,\n") == [
        "nodes.csv:3: parent: 'grit' is an unknown node; did you mean 'grid'?",
        "nodes.csv:5: parent: 'w' is a heat node; allowed: an electricity node",
    ]


def test_heat_nodes_stand_alone_and_take_no_limit(tmp_path):
    assert nodes(tmp_path, "grid,electricity,,,,true,\nw,heat,grid,5,0,,2\n") == [
        "nodes.csv:2: dump: true on an electricity node; allowed: heat nodes only",
        "nodes.csv:3: parent: 'grid' on a heat node; allowed: none, heat nodes stand alone",
        "nodes.csv:3: import_limit_kw: a limit on a heat node; allowed: none",
        "nodes.csv:3: export_limit_kw: a limit on a heat node; allowed: none",
        "nodes.csv:3: peak_eur_per_kw: a peak charge on a heat node; allowed: none",
    ]


def test_an_unknown_carrier_and_a_node_twice(tmp_path):
    assert nodes(tmp_path, "grid,electricity,,,,,\na,elektricity,grid,,,,\na,heat,,,,,\nb,,,,,,\n") == [
        "nodes.csv:3: carrier: 'elektricity' is unknown; allowed: electricity, heat; did you mean 'electricity'?",
        "nodes.csv:4: id: 'a' is already in nodes.csv:3; allowed: every id once",
        "nodes.csv:5: carrier: is missing",
    ]


def test_limits_may_be_series_and_are_never_negative(tmp_path):
    case = loaded(tmp_path, nodes=NODES.replace("grid,20", "grid,sun"))
    assert list(case.nodes[1].import_limit_kw) == [0, 0.25, 0.5, 1]
    assert mistakes(tmp_path, nodes=NODES.replace("grid,20", "grid,price")) == [
        "nodes.csv:3: import_limit_kw: series 'price' is -30 at 2025-03-01T02:00Z; allowed: ≥ 0"
    ]


def test_an_asset_needs_a_node_of_its_carrier(tmp_path):
    found = mistakes(
        tmp_path,
        load="id,node,demand_kw\nlight,warm,1\n",
        heat_demand="id,heat_node,demand_kw\nflat,house,1\n",
        heat_pump="id,node,heat_node,max_power_kw,cop\npump,warm,house,3,3\np2,,wram,3,3\n",
    )
    assert found == [
        "heat_pump.csv:2: node: 'warm' is of the carrier heat; allowed: an electricity node",
        "heat_pump.csv:2: heat_node: 'house' is of the carrier electricity; allowed: a heat node",
        "heat_pump.csv:3: node: is missing",
        "heat_pump.csv:3: heat_node: 'wram' is an unknown node; did you mean 'warm'?",
        "heat_demand.csv:2: heat_node: 'house' is of the carrier electricity; allowed: a heat node",
        "load.csv:2: node: 'warm' is of the carrier heat; allowed: an electricity node",
    ]


def test_nodes_that_cannot_be_read_are_not_called_unknown(tmp_path):
    assert mistakes(tmp_path, nodes="") == ["nodes.csv: is empty (0 bytes)"]
    assert mistakes(tmp_path, nodes="id,carier\ngrid,electricity\nhouse,electricity\nwarm,heat\n") == [
        "nodes.csv: carier: 'carier' is an unknown column; allowed: id, carrier, parent, import_limit_kw, "
        "export_limit_kw, dump, peak_eur_per_kw; did you mean 'carrier'?",
        "nodes.csv: carrier: the required column 'carrier' is missing",
    ]
